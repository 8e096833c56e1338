import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { type Client, createClient } from '../../lib/rpc/client.ts';
import { LINGER_MS, RpcError } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { all, Counter, numbers } from './support/counter.ts';
import { gate } from './support/gate.ts';
import { fetchInto } from './support/greeter.ts';

type Requests = AsyncIterable<{ n: number }>;
type Sum = (requests: Requests) => Promise<{ n: number }>;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const handlerOf = (sum: Sum) =>
  createHandler([
    implement(Counter, {
      double: ({ n }) => ({ n }),
      upTo: ({ n }) => numbers(n),
      sum,
      chat: (requests) => requests,
    }),
  ]);

async function served(sum: Sum): Promise<URL> {
  const server = await serve(handlerOf(sum));
  ends.push(() => server.close());
  return server.url;
}

function over2(baseUrl: string | URL) {
  const transport = http2Transport({ baseUrl });
  ends.push(() => transport.close());
  return createClient(Counter, { transport });
}

const ways: Record<string, (sum: Sum) => Promise<Client<(typeof Counter)['methods']>>> = {
  'over HTTP/2': async (sum) => over2(await served(sum)),
  'over fetch and HTTP/1.1': async (sum) => createClient(Counter, { baseUrl: await served(sum) }),
  'with web objects alone': async (sum) =>
    createClient(Counter, { baseUrl: 'http://localhost', fetch: fetchInto(handlerOf(sum)) }),
};

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

/** How many requests may be asked for after the call, and everything that it has begun, is over. A loop would reach it at once. */
const FAR_TOO_MANY = 1_000;
/** So that what lies between takes no more than some hundred. */
const filler = 'x'.repeat(1 << 14);

/** Requests without an end, made as fast as they are asked for, or one each turn of the event loop. */
function endless(turns: 'eager' | 'slow' = 'eager') {
  const left = gate();
  const seen = { asked: 0, left: left.opened, last: Number.POSITIVE_INFINITY };
  async function* make() {
    try {
      for (;;) {
        if (++seen.asked > seen.last + FAR_TOO_MANY) throw new Error('asked for ever');
        if (turns === 'slow') await new Promise((resolve) => setImmediate(resolve));
        yield { n: 1, filler };
      }
    } finally {
      left.open();
    }
  }
  return Object.assign(seen, { requests: make() });
}

/** Requests by hand: one, and then none for ever. */
function waiting() {
  const returned = gate();
  const asked = gate();
  let first = true;
  const seen = { returns: 0, returned: returned.opened, asked: asked.opened };
  const requests: AsyncIterableIterator<{ n: number }> = {
    next() {
      if (first) {
        first = false;
        return Promise.resolve({ done: false, value: { n: 1 } });
      }
      asked.open();
      return new Promise(() => {});
    },
    return() {
      seen.returns++;
      returned.open();
      return new Promise(() => {});
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  return Object.assign(seen, { requests });
}

describe.each(Object.entries(ways))('a source of requests %s', (_, connect) => {
  it.each(['eager', 'slow'] as const)(
    'is asked for no more after a cancel, and gets its finally (%s)',
    async (turns) => {
      const entered = gate();
      const client = await connect(async (requests) => {
        for await (const _ of requests) {
          entered.open();
          await new Promise((resolve) => setImmediate(resolve));
        }
        return { n: 0 };
      });
      const source = endless(turns);
      const token = new CancellationSource();
      const outcome = failure(client.sum(source.requests, { token: token.token }));
      await entered.opened;
      token.cancel();
      const { asked } = source;
      source.last = asked;
      expect((await outcome).code).toBe('canceled');
      await source.left;
      expect(source.asked).toBeLessThanOrEqual(asked + 1);
    },
  );

  it('is asked for no more after the deadline', async () => {
    const entered = gate();
    const client = await connect(async (requests) => {
      for await (const _ of requests) entered.open();
      return { n: 0 };
    });
    const source = endless('slow');
    using clock = fakeClock();
    const outcome = failure(client.sum(source.requests, { timeout: 200 }));
    await entered.opened;
    clock.advance(200);
    const { asked } = source;
    expect((await outcome).code).toBe('deadline_exceeded');
    clock.advance(LINGER_MS);
    await source.left;
    expect(source.asked).toBeLessThanOrEqual(asked + 1);
  });

  it.each(['eager', 'slow'] as const)('is asked for no more after an early answer (%s)', async (turns) => {
    const client = await connect(async (requests) => {
      for await (const _ of requests) break;
      return { n: 7 };
    });
    const source = endless(turns);
    expect(await client.sum(source.requests)).toEqual({ n: 7 });
    source.last = source.asked;
    await source.left;
    expect(source.asked).toBeLessThanOrEqual(source.last + 1);
  });

  it('that waits for its next request hears of the end at once, and once: of an answer', async () => {
    const source = waiting();
    const client = await connect(async (requests) => {
      const asked = requests[Symbol.asyncIterator]();
      await asked.next();
      asked.next().catch(() => {});
      await source.asked;
      throw new RpcError('failed_precondition', 'Enough.');
    });
    expect((await failure(client.sum(source.requests))).code).toBe('failed_precondition');
    await source.returned;
    expect(source.returns).toBe(1);
  });

  it('that waits for its next request hears of the end at once, and once: of a cancel', async () => {
    const client = await connect(async (requests) => ({ n: (await all(requests)).length }));
    const source = waiting();
    const call = client.sum.start(source.requests);
    await source.asked;
    call.cancel();
    expect((await failure(call.response)).code).toBe('canceled');
    await source.returned;
    expect(source.returns).toBe(1);
  });

  it('that ended by itself, or failed, is not asked to return', async () => {
    const client = await connect(async (requests) => ({ n: (await all(requests)).length }));
    for (const error of [undefined, new Error('no more ink')]) {
      let returns = 0;
      const requests = {
        next: () => (error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error)),
        return: () => Promise.resolve({ done: true, value: returns++ }),
        [Symbol.asyncIterator]() {
          return this;
        },
      } as AsyncIterableIterator<{ n: number }>;
      const outcome = await client.sum(requests).catch((error) => error);
      if (error === undefined) expect(outcome).toEqual({ n: 0 });
      else expect(outcome.cause).toBe(error);
      expect(returns).toBe(0);
    }
  });

  it('that fails with what another call has come to fails this one, which was sent, by an error of its own', async () => {
    const entered = gate();
    const client = await connect(async (requests) => {
      for await (const _ of requests) entered.open();
      return { n: 0 };
    });
    const upstream = new RpcError('unavailable', 'Not there.', {
      neverProcessed: true,
      remote: true,
      metadata: { a: 'secret' },
    });
    async function* requests() {
      yield { n: 1 };
      await entered.opened;
      throw upstream;
    }
    const error = await failure(client.sum(requests()));
    expect(error).toMatchObject({ code: 'unavailable', message: 'Not there.', neverProcessed: false, remote: false });
    expect(error).toMatchObject({ metadata: {}, cause: upstream });
  });

  it('that cannot be iterated over, or not be sealed, is refused', async () => {
    const client = await connect(async (requests) => ({ n: (await all(requests)).length }));
    const none = 5 as unknown as Requests;
    expect((await failure(client.sum(none))).message).toContain('`request` to be an iterable');
    const source = endless();
    async function* bad() {
      for await (const _ of source.requests) yield { n: 1n as unknown as number };
    }
    expect((await failure(client.sum(bad()))).code).toBe('internal');
    await source.left;
    expect(await client.sum([Promise.resolve({ n: 1 }) as unknown as { n: number }])).toEqual({ n: 1 });
  });
});

describe('a source of requests over fetch', () => {
  it('is not asked ahead: not before the request can be sent', async () => {
    const source = waiting();
    let asked = false;
    void source.asked.then(() => {
      asked = true;
    });
    const client = createClient(Counter, { baseUrl: 'http://a', fetch: () => Promise.reject(new Error('refused')) });
    expect((await failure(client.sum(source.requests))).code).toBe('unavailable');
    await source.returned;
    expect([asked, source.returns]).toEqual([false, 1]);
  });

  it('is asked for no more when the connection is lost', async () => {
    const peer = http.createServer((request) => request.once('data', () => request.socket.destroy()));
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    ends.push(() => peer.close());
    const client = createClient(Counter, { baseUrl: `http://127.0.0.1:${(peer.address() as AddressInfo).port}` });
    const source = endless('slow');
    expect((await failure(client.sum(source.requests))).code).toBe('unavailable');
    source.last = source.asked;
    await source.left;
    expect(source.asked).toBeLessThanOrEqual(source.last + 1);
  });

  it('is asked for no more by a peer that has answered and reads on', async () => {
    const peer = http.createServer((request, response) => {
      request.resume();
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"code":"unimplemented"}');
    });
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    ends.push(() => peer.close());
    const client = createClient(Counter, { baseUrl: `http://127.0.0.1:${(peer.address() as AddressInfo).port}` });
    const source = endless('slow');
    expect((await failure(client.sum(source.requests))).code).toBe('unimplemented');
    source.last = source.asked;
    await source.left;
    expect(source.asked).toBeLessThanOrEqual(source.last + 1);
  });

  it('does not break off at a deadline before the peer, which knows it, had the time to say so', async () => {
    const entered = gate();
    const gone = gate();
    let here = true;
    const peer = http.createServer((request, response) => {
      if (request.method === 'GET') return response.end();
      request.once('data', () => entered.open());
      return request.socket.once('close', () => {
        here = false;
        gone.open();
      });
    });
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    ends.push(() => peer.close());
    const baseUrl = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
    using clock = fakeClock();
    const source = endless('slow');
    const outcome = failure(createClient(Counter, { baseUrl }).sum(source.requests, { timeout: 200 }));
    await entered.opened;
    clock.advance(200);
    expect((await outcome).code).toBe('deadline_exceeded');
    await source.left;
    // What was sent before this has arrived before it.
    await (await fetch(baseUrl)).text();
    expect(here).toBe(true);
    clock.advance(LINGER_MS);
    await gone.opened;
  });

  it('that is not wanted any more holds back no answer', async () => {
    // The fake clock keeps the server from giving up to wait for the rest.
    using _ = fakeClock();
    const client = createClient(Counter, {
      baseUrl: await served(async (requests) => {
        await requests[Symbol.asyncIterator]().next();
        return { n: 7 };
      }),
    });
    const source = waiting();
    expect(await client.sum(source.requests)).toEqual({ n: 7 });
    await source.returned;
  });
});
