import express from 'express';
import { createSchema, createYoga, maskError } from 'graphql-yoga';
import { describe, expect, it } from 'vitest';
import * as expressAdapter from '../../lib/adapters/express.ts';
import { cancellation, tokenOf } from '../../lib/adapters/yoga.ts';
import type { CancellationToken } from '../../lib/core/index.ts';
import { gate, Inbox } from '../server/support/gate.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import type { Listener } from './support/servers/framework.ts';
import { heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

/** A shop whose orders wait, each with an item that is looked up after it. */
function shop(options = {}) {
  const tokens = new Inbox<CancellationToken>();
  const go = gate();
  const errors: unknown[] = [];
  let items = 0;
  let ticks = 0;
  const ended = gate();
  const schema = createSchema({
    typeDefs: `
      type Item { name: String }
      type Order { item: Item }
      type Query { order: Order, name: String }
      type Subscription { tick: Int }
    `,
    resolvers: {
      Query: {
        async order(_: unknown, __: unknown, context: object) {
          tokens.put(tokenOf(context));
          await go.opened;
          return {};
        },
        name: () => 'Ada',
      },
      Order: {
        item() {
          items++;
          return { name: 'tea' };
        },
      },
      Subscription: {
        tick: {
          async *subscribe(_: unknown, __: unknown, context: object) {
            tokens.put(tokenOf(context));
            try {
              for (;;) {
                yield { tick: ++ticks };
                await new Promise(setImmediate);
              }
            } finally {
              ended.open();
            }
          },
        },
      },
    },
  });
  const cancelling = cancellation(options);
  const yoga = createYoga({
    schema,
    plugins: [cancelling],
    logging: { debug() {}, info() {}, warn() {}, error: (...what: unknown[]) => void errors.push(what) },
    graphqlEndpoint: '/*',
    maskedErrors: { maskError },
  });
  return { cancelling, yoga, listener: yoga as unknown as Listener, tokens, go, ended, errors, items: () => items };
}

const ORDER = `/?query=${encodeURIComponent('{order{item{name}}}')}`;
const TICK = `/?query=${encodeURIComponent('subscription{tick}')}`;

describe.each(['HTTP/1.1', 'h2c'] as const)('over %s', (protocol) => {
  it('no resolver is started once the client has left, and nothing is logged', async () => {
    const { listener, tokens, go, items, errors } = shop();
    const { client } = await onServer(listener, ends, protocol);
    client.ask({ path: ORDER });
    const token = await tokens.take();
    client.leave();
    await heard(token);
    go.open();
    await turns();
    expect(items()).toBe(0);
    expect(errors).toEqual([]);
  });

  it('a subscription ends with its client', async () => {
    const { listener, tokens, ended } = shop();
    const { client } = await onServer(listener, ends, protocol);
    const asked = client.ask({ path: TICK, headers: { accept: 'text/event-stream' } });
    await asked.until('"tick":2');
    if (protocol === 'h2c') asked.reset();
    else client.leave();
    await heard(await tokens.take());
    await ended.opened;
  });
});

it('answers in the form of GraphQL', async () => {
  const clock = manual();
  const { listener, tokens } = shop({ handlerTimeoutMs: 300 });
  const { url } = await onServer(listener, ends);
  const answer = fetch(url + ORDER);
  await tokens.take();
  clock.advance(300);
  const response = await answer;
  expect(response.status).toBe(504);
  expect(await response.json()).toEqual({
    errors: [{ message: 'The request was not answered within 300 ms.', extensions: { code: 'DEADLINE_EXCEEDED' } }],
  });
});

it('S3-21: what is under way may finish within the grace of a drain', async () => {
  const { listener, tokens, go, cancelling } = shop();
  const { url, server } = await onServer(listener, ends);
  const answer = fetch(url + ORDER);
  await tokens.take();
  const report = cancelling.drain({ graceMs: 60_000, server });
  go.open();
  expect(await (await answer).json()).toEqual({ data: { order: { item: { name: 'tea' } } } });
  expect(await report).toMatchObject({ drained: 1 });
});

describe('inside an application with an adapter of its own', () => {
  it('the request is taken in once, and Yoga answers in its own form', async () => {
    const clock = manual();
    const { yoga, tokens } = shop();
    const app = express();
    app.use(expressAdapter.cancellation({ handlerTimeoutMs: 300 }));
    app.use('/graphql', (req, res) => yoga(req, res));
    const { url } = await onServer(app, ends);
    const answer = fetch(`${url}/graphql${ORDER}`);
    const token = await tokens.take();
    clock.advance(300);
    expect(token.reason).toBe('TIMEOUT');
    const response = await answer;
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'DEADLINE_EXCEEDED' } }] });
  });
});

it('without a server of Node it goes by the signal of the request', async () => {
  const { yoga, tokens, go } = shop();
  const controller = new AbortController();
  const answer = (async () => yoga.fetch(`http://localhost${ORDER}`, { signal: controller.signal }))();
  const token = await tokens.take();
  controller.abort();
  expect(token.reason).toBe('PEER_CLOSED');
  await expect(answer).rejects.toThrow();
  go.open();
});
