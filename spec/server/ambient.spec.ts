// A handler's own calls go under its token with no code. Nothing here imports the room that makes a token current.
import { Agent, type Dispatcher, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancellation } from '../../lib/adapters/undici.ts';
import { CancellationToken, currentToken, reasonOf } from '../../lib/core/index.ts';
import { createFetch } from '../../lib/fetch/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { type ServeOptions, serve, type WebHandler } from '../../lib/server/index.ts';
import { Backend } from '../fetch/support/backend.ts';
import { Counter } from '../rpc/support/counter.ts';
import { gate } from './support/gate.ts';
import { type Ask, type Client, connect } from './support/peers.ts';

let backend: Backend;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  backend = await Backend.start();
  ends.push(() => backend[Symbol.asyncDispose]());
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const PROTOCOLS = ['HTTP/1.1', 'h2c'] as const;

async function served(handler: WebHandler, options: ServeOptions = {}, protocol: (typeof PROTOCOLS)[number] = 'h2c') {
  const server = await serve(handler, options);
  ends.push(server.close);
  const client: Client = await connect(protocol, Number(server.url.port));
  ends.push(() => client.leave());
  return { server, client };
}

const CALL: Ask = {
  method: 'POST',
  path: '/demo.v1.Counter/double',
  headers: { 'content-type': 'application/json', 'connect-timeout-ms': '20000' },
  body: '{"n":1}',
};

/** A handler that passes its request on and waits, as a web handler and as an implemented service. */
const HANDLERS: Record<string, (upstream: () => Promise<unknown>) => WebHandler> = {
  'a web handler': (upstream) => async () => {
    await upstream();
    return new Response();
  },
  'a handler of createHandler': (upstream) =>
    createHandler([
      implement(Counter, {
        async double() {
          await upstream();
          return { n: 0 };
        },
        async *upTo() {},
        sum: async () => ({ n: 0 }),
        async *chat() {},
      }),
    ]),
};

/** The fetch of a service that is there, behind the interceptor. */
function globalFetch(): typeof fetch {
  const before: Dispatcher = getGlobalDispatcher();
  const agent = new Agent();
  setGlobalDispatcher(agent.compose(cancellation({ propagateDeadline: ['127.0.0.1'] })));
  ends.push(() => {
    setGlobalDispatcher(before);
    return agent.destroy();
  });
  return globalThis.fetch;
}

const FETCHES: Record<string, () => (url: string) => Promise<unknown>> = {
  createFetch: () => createFetch({ propagateDeadline: ['127.0.0.1'] }),
  'the global fetch behind the interceptor': globalFetch,
};

describe.each(PROTOCOLS)('over %s', (protocol) => {
  describe.each(Object.entries(HANDLERS))('%s', (_, handler) => {
    it.each(Object.entries(FETCHES))(
      'S1-12: %s: its call carries the budget, and stops when the client leaves',
      async (_, make) => {
        const send = make();
        const failed = gate<unknown>();
        const { client } = await served(
          handler(() => send(`${backend.url}/upstream`).catch(failed.open)),
          {},
          protocol,
        );
        client.ask(CALL);
        const visit = await backend.visits.take();
        const budget = Number(visit.headers['connect-timeout-ms']);
        expect(budget).toBeGreaterThan(0);
        expect(budget).toBeLessThanOrEqual(20_000);
        client.leave();
        expect(await visit.left).toBe(true);
        expect(reasonOf(await failed.opened)).toBe('PEER_CLOSED');
      },
    );
  });

  it('the token stays current while a streamed body is made', async () => {
    const tokens: CancellationToken[] = [];
    let mine!: CancellationToken;
    const { client } = await served(
      (_, { token }) => {
        mine = token;
        let pulls = 0;
        const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
          tokens.push(currentToken());
          if (++pulls < 3) controller.enqueue(Buffer.from(`${pulls}`));
          else controller.close();
        };
        return new Response(new ReadableStream({ pull }));
      },
      {},
      protocol,
    );
    await client.ask().until('2');
    client.leave();
    expect(new Set(tokens)).toEqual(new Set([mine]));
  });
});

it('requests at the same time have each their own', async () => {
  const seen: boolean[] = [];
  const { client } = await served(async (request, { token }) => {
    await request.text();
    seen.push(currentToken() === token);
    return new Response('fine.');
  });
  await Promise.all(Array.from({ length: 50 }, () => client.ask({ method: 'POST', body: 'x' }).until('fine.')));
  expect(seen).toEqual(Array(50).fill(true));
});

it('fromAmbient: false leaves a handler alone', async () => {
  await served(() => new Response());
  const handler = () => new Response(currentToken() === CancellationToken.none ? 'none.' : 'some.');
  const { client } = await served(handler, { fromAmbient: false });
  expect(await client.ask().until('.')).toBe('none.');
  await expect(async () => await serve(handler, { fromAmbient: 'no' as never })).rejects.toThrow(
    "Expected `fromAmbient` to be true or false, got 'no'.",
  );
});

it('a hook that reports on a cancelled request is not cancelled with it', async () => {
  const told = gate<CancellationToken>();
  const begun = gate();
  const left = gate();
  const handler: WebHandler = async (_, { token }) => {
    token.onCancel(() => left.open());
    begun.open();
    await left.opened;
    return new Response();
  };
  const { client } = await served(handler, { onAbandoned: () => told.open(currentToken()) });
  client.ask();
  await begun.opened;
  client.leave();
  expect(await told.opened).toBe(CancellationToken.none);
});
