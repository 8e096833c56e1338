import type http from 'node:http';
import { describe, expect, it } from 'vitest';
import { cancellation, tokenOf } from '../../lib/adapters/node-http.ts';
import type { CancellationToken } from '../../lib/core/index.ts';
import { type Abandoned, tokenOf as tokenOfNode } from '../../lib/server/index.ts';
import { gate, Inbox } from '../server/support/gate.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import { heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

describe('what a listener throws', () => {
  const error = new Error('no such table');
  it.each<[string, http.RequestListener]>([
    [
      'at once',
      () => {
        throw error;
      },
    ],
    ['by a promise', () => Promise.reject(error)],
  ])('%s is passed on', async (_, listener) => {
    const thrown = new Inbox<unknown>();
    const wrapped = cancellation()(listener) as (...args: Parameters<http.RequestListener>) => unknown;
    const { client } = await onServer(async (req, res) => {
      try {
        await wrapped(req, res);
      } catch (caught) {
        thrown.put(caught);
        res.end();
      }
    }, ends);
    client.ask();
    expect(await thrown.take()).toBe(error);
  });

  it('at once, because the request is cancelled, is answered for', async () => {
    const clock = manual();
    const listener = cancellation({ handlerTimeoutMs: 300 })((req) => {
      clock.advance(300);
      tokenOf(req).throwIfCancelled();
    });
    const { client } = await onServer(listener, ends);
    const asked = client.ask();
    expect(await asked.over).toContain('deadline_exceeded');
    expect(asked.status).toBe(504);
  });
});

it('a token that was asked for before the adapter is the one that it goes on with', async () => {
  const clock = manual();
  const seen = gate<CancellationToken[]>();
  const listener = cancellation({ handlerTimeoutMs: 300 })((req, res) =>
    seen.open([tokenOf(req), tokenOfNode(req, res)]),
  );
  const tokens: CancellationToken[] = [];
  const { client } = await onServer((req, res) => {
    tokens.push(tokenOfNode(req, res));
    listener(req, res);
  }, ends);
  client.ask();
  tokens.push(...(await seen.opened));
  expect(new Set(tokens).size).toBe(1);
  clock.advance(300);
  expect(tokens[0]?.reason).toBe('TIMEOUT');
});

it('a handler that ends after its client has left is told of, with how long it ran on', async () => {
  const clock = manual();
  const told = new Inbox<Abandoned>();
  const [started, go] = [gate<CancellationToken>(), gate()];
  const cancelling = cancellation({ onAbandoned: (abandoned) => told.put(abandoned) });
  const { client } = await onServer(
    cancelling(async (req) => {
      started.open(tokenOf(req));
      await go.opened;
    }),
    ends,
  );
  client.ask({ path: '/report?secret=1' });
  const token = await started.opened;
  client.leave();
  await heard(token);
  clock.advance(70);
  go.open();
  expect(await told.take()).toEqual({ name: 'GET /report', error: token.error, ranOnMs: 70 });
});

it('a hook that throws takes nothing with it', async () => {
  const started = gate<CancellationToken>();
  const warned = new Promise((resolve) => process.once('warning', resolve));
  const listener = cancellation({
    onAbandoned() {
      throw new Error('no such log');
    },
  })(async (req) => {
    started.open(tokenOf(req));
    await heard(tokenOf(req));
  });
  const { client } = await onServer(listener, ends);
  client.ask();
  await started.opened;
  client.leave();
  expect(await warned).toMatchObject({ name: 'NevermindServerWarning', message: 'onAbandoned failed' });
});

it.each(['HTTP/1.1', 'h2c'] as const)(
  'a client that leaves when its time is up, before a timer has said so, had its deadline (%s)',
  async (protocol) => {
    const clock = manual();
    const started = gate<CancellationToken>();
    const { client } = await onServer(
      cancellation({ handlerTimeoutMs: 300 })((req) => started.open(tokenOf(req))),
      ends,
      protocol,
    );
    const asked = client.ask();
    const token = await started.opened;
    clock.oversleep(300);
    asked.reset();
    expect(await heard(token)).toMatchObject({ reason: 'TIMEOUT' });
    await asked.over;
    expect(asked.status).toBeUndefined();
  },
);

it.each(['HTTP/1.1', 'h2c'] as const)(
  'an answer that is made when its time is up, before a timer has said so, is sent (%s)',
  async (protocol) => {
    const clock = manual();
    const started = gate<() => void>();
    const { client } = await onServer(
      cancellation({ handlerTimeoutMs: 300, requestTimeoutMs: 500 })((_req, res) =>
        started.open(() => void res.end('in time.')),
      ),
      ends,
      protocol,
    );
    const asked = client.ask();
    const answer = await started.opened;
    clock.oversleep(600);
    answer();
    await asked.until('in time.');
    expect(asked.status).toBe(200);
  },
);

it('what is written past the answer at the deadline, by a method that was kept, does not end the process', async () => {
  const clock = manual();
  const started = gate();
  const failed = gate<unknown>();
  const { client } = await onServer(
    cancellation({ handlerTimeoutMs: 300 })((req, res) => {
      const { write } = res;
      tokenOf(req).onCancel(() => write.call(res, 'late', 'utf8', failed.open));
      started.open();
    }),
    ends,
  );
  const asked = client.ask();
  await started.opened;
  clock.advance(300);
  expect(await failed.opened).toMatchObject({ code: 'ERR_STREAM_WRITE_AFTER_END' });
  expect(await asked.over).toMatch(/^HTTP\/1.1 504[\s\S]*\}$/);
});

it('a drain is told of what can be closed', () => {
  const cancelling = cancellation();
  for (const server of [null, {}, () => {}]) {
    expect(() => cancelling.drain({ server: server as never })).toThrow(
      'Expected `server` to be the server that listens, such as what `app.listen()` returned, got ',
    );
  }
});

it('a drain closes every server that it is told of, also one that comes later', async () => {
  const cancelling = cancellation();
  const listener = cancelling((_req, res) => res.end('done'));
  const [one, two, three] = [
    await onServer(listener, ends),
    await onServer(listener, ends),
    await onServer(listener, ends),
  ];
  for (const { client } of [one, two, three]) await client.ask().until('done');
  const report = cancelling.drain({ server: [one.server, two.server] });
  expect(await Promise.all([report, cancelling.drain({ server: three.server })])).toMatchObject([{}, {}]);
  expect([one, two, three].map(({ server }) => server.listening)).toEqual([false, false, false]);
  await Promise.all([one, two, three].map(({ client }) => client.gone));
});

it('a server that comes after the end of a drain is closed as others are, with what it still carries', async () => {
  const clock = manual();
  const cancelling = cancellation();
  const first = await cancelling.drain();
  const asked = gate();
  const { client, server } = await onServer(() => asked.open(), ends);
  client.ask();
  await asked.opened;
  const closed = new Promise((resolve) => server.once('close', resolve));
  const second = cancelling.drain({ server });
  expect(server.listening).toBe(false);
  await clock.armed(500);
  clock.advance(500);
  expect(await second).toBe(first);
  await Promise.all([client.gone, closed]);
});

it('over HTTP/2 a request that was answered is over, also while its client goes on sending', async () => {
  const cancelling = cancellation({ maxRequests: 1 });
  const listener = cancelling((req, res) => void req.once('data', () => res.end('enough.')));
  const { client } = await onServer(listener, ends, 'h2c');
  for (let time = 0; time < 2; time++) {
    const asked = client.ask({ method: 'POST', body: 'x', unfinished: true });
    await asked.until('enough.');
    await turns();
    expect(asked.status).toBe(200);
  }
  expect(await cancelling.drain()).toMatchObject({ drained: 0, timedOut: 0 });
});

it('over HTTP/2 a drain lets an idle session go, and refuses what crosses it', async () => {
  const cancelling = cancellation();
  const { client, server } = await onServer(
    cancelling((_req, res) => res.end('done')),
    ends,
    'h2c',
  );
  await client.ask().until('done');
  await turns();
  expect(await cancelling.drain({ server })).toMatchObject({ drained: 0 });
  await client.gone;
});
