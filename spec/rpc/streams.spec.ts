import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, type CancellationToken, reasonOf } from '../../lib/core/index.ts';
import { type Client, createClient } from '../../lib/rpc/client.ts';
import { RpcError } from '../../lib/rpc/index.ts';
import { type CallContext, createHandler, type HandlerOptions, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { all, Counter, numbers } from './support/counter.ts';
import { type Gate, gate } from './support/gate.ts';
import { fetchInto } from './support/greeter.ts';

type CounterClient = Client<(typeof Counter)['methods']>;

/** What the implementations of one test do; the rest answers with what it got. */
interface Work {
  upTo?: (request: { n: number }, context: CallContext) => AsyncIterable<{ n: number }>;
  sum?: (requests: AsyncIterable<{ n: number }>, context: CallContext) => Promise<{ n: number }>;
  chat?: (requests: AsyncIterable<{ n: number }>, context: CallContext) => AsyncIterable<{ n: number }>;
}

function handlerOf(work: Work = {}, options: HandlerOptions = {}) {
  return createHandler(
    [
      implement(Counter, {
        double: ({ n }) => ({ n: 2 * n }),
        upTo: ({ n }) => numbers(n),
        async sum(requests) {
          let sum = 0;
          for await (const { n } of requests) sum += n;
          return { n: sum };
        },
        chat: (requests) => requests,
        ...work,
      }),
    ],
    { onError: () => {}, ...options },
  );
}

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Connect = (work?: Work, options?: HandlerOptions) => Promise<CounterClient>;

async function served(work: Work = {}, options?: HandlerOptions): Promise<Server> {
  const server = await serve(handlerOf(work, options));
  ends.push(() => server.close());
  return server;
}

const ways: Record<string, Connect> = {
  'over HTTP/2': async (work, options) => {
    const { url } = await served(work, options);
    const transport = http2Transport({ baseUrl: url });
    ends.push(() => transport.close());
    return createClient(Counter, { transport });
  },
  'over fetch and HTTP/1.1': async (work, options) => {
    const { url } = await served(work, options);
    return createClient(Counter, { baseUrl: url });
  },
  'with web objects alone': async (work, options) =>
    createClient(Counter, { baseUrl: 'http://localhost', fetch: fetchInto(handlerOf(work, options)) }),
};

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

/** An implementation that yields once and then waits under its token, and what became of it. */
function waiting() {
  const entered: Gate<CancellationToken> = gate();
  const unwound: Gate<void> = gate();
  const upTo = async function* ({ n }: { n: number }, { token }: CallContext) {
    try {
      entered.open(token);
      yield { n };
      await new Promise((_, reject) => token.onCancel(reject));
    } finally {
      unwound.open();
    }
  };
  return { upTo, entered: entered.opened, unwound: unwound.opened };
}

describe.each(Object.entries(ways))('a stream %s', (_way, connect) => {
  it('of responses, of requests and of both carries every message, in order', async () => {
    const client = await connect();
    expect(await all(client.upTo({ n: 5 }))).toEqual(await all(numbers(5)));
    expect(await client.sum(numbers(100))).toEqual({ n: 5050 });
    expect(await client.sum([{ n: 1 }, { n: 2 }])).toEqual({ n: 3 });
    expect(await all(client.chat(numbers(20)))).toEqual(await all(numbers(20)));
    expect(await client.sum(numbers(0))).toEqual({ n: 0 });
    expect(await all(client.upTo({ n: 0 }))).toEqual([]);
  });

  it('begins when its first response is asked for, and not before', async () => {
    let started = 0;
    const client = await connect({
      upTo: ({ n }) => {
        started++;
        return numbers(n);
      },
    });
    const responses = client.upTo({ n: 1 });
    await client.double({ n: 1 });
    expect(started).toBe(0);
    expect(await all(responses)).toHaveLength(1);
  });

  it('S1-03: is cancelled by leaving the loop: the handler stops, and its generator gets its finally', async () => {
    const { unwound, entered, upTo } = waiting();
    const client = await connect({ upTo });
    for await (const { n } of client.upTo({ n: 7 })) {
      expect(n).toBe(7);
      break;
    }
    await unwound;
    expect(['CANCELLED', 'PEER_CLOSED']).toContain((await entered).reason);
  });

  it('S1-01, S1-02: ends its pending next() at once on a cancel, with the reason', async () => {
    const { unwound, upTo } = waiting();
    const client = await connect({ upTo });
    const source = new CancellationSource();
    const responses = client.upTo({ n: 1 }, { token: source.token });
    await responses.next();
    const pending = failure(responses.next());
    source.cancel('CANCELLED', { description: 'enough' });
    const error = await pending;
    expect(error).toMatchObject({ code: 'canceled', reason: 'CANCELLED', remote: false });
    expect(error.cause).toBe(source.token.error);
    expect(await responses.next()).toMatchObject({ done: true });
    await unwound;
  });

  it('ends a pending next() when somebody else returns it', async () => {
    const { unwound, upTo } = waiting();
    const client = await connect({ upTo });
    const responses = client.upTo({ n: 1 });
    await responses.next();
    const pending = failure(responses.next());
    expect(await responses.return?.()).toMatchObject({ done: true });
    expect((await pending).code).toBe('canceled');
    await unwound;
  });

  it('can be cancelled by its handle', async () => {
    const { unwound, upTo } = waiting();
    const client = await connect({ upTo });
    const call = client.upTo.start({ n: 1 });
    await call.responses.next();
    expect(call.cancel('CANCELLED')).toBe(true);
    expect((await failure(call.responses.next())).reason).toBe('CANCELLED');
    expect(call.cancel()).toBe(false);
    await unwound;
  });

  it('S1-19, S1-23: ends at the deadline with deadline_exceeded, on both sides', async () => {
    const { unwound, entered, upTo } = waiting();
    const client = await connect({ upTo });
    using clock = fakeClock();
    const outcome = failure(all(client.upTo({ n: 1 }, { timeout: 200 })));
    const token = await entered;
    clock.advance(200);
    expect(await outcome).toMatchObject({ code: 'deadline_exceeded', reason: 'TIMEOUT' });
    await unwound;
    expect(token.reason).toBe('TIMEOUT');
  });

  it('gives its implementation what is left of the time', async () => {
    const remaining: Gate<number> = gate();
    const client = await connect({
      async sum(_requests, context) {
        remaining.open(context.remaining());
        return { n: 0 };
      },
    });
    await client.sum(numbers(1), { timeout: 20_000 });
    expect(await remaining.opened).toBeLessThanOrEqual(20_000);
    expect(await remaining.opened).toBeGreaterThan(0);
  });

  it('ends with the error of its implementation, after what came before', async () => {
    const client = await connect({
      async *upTo() {
        yield { n: 1 };
        throw new RpcError('out_of_range', 'No more.', { metadata: { limit: '1' }, details: [{ type: 'x.Limit' }] });
      },
    });
    const responses = client.upTo({ n: 2 });
    expect(await responses.next()).toEqual({ done: false, value: { n: 1 } });
    expect(await failure(responses.next())).toMatchObject({
      code: 'out_of_range',
      message: 'No more.',
      metadata: { limit: '1' },
      details: [{ type: 'x.Limit' }],
      remote: true,
    });
  });

  it('tells nothing of what an implementation throws by mistake', async () => {
    const client = await connect({
      sum() {
        throw new Error('secret');
      },
    });
    expect(await failure(client.sum(numbers(1)))).toMatchObject({
      code: 'internal',
      message: 'The implementation failed.',
    });
  });

  it('refuses a request and a response that break the contract, and names the field', async () => {
    const client = await connect({
      async *chat(requests) {
        for await (const { n } of requests) yield { n: n / 2 };
      },
    });
    expect(await failure(client.sum([{ n: 0.5 }]))).toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('`n`'),
    });
    expect((await failure(all(client.chat([{ n: 2 }, { n: 3 }])))).code).toBe('internal');
  });

  it('S0-15: is not sent under a token that is cancelled', async () => {
    let started = 0;
    const client = await connect({
      upTo: ({ n }) => {
        started++;
        return numbers(n);
      },
    });
    const source = new CancellationSource();
    source.cancel();
    expect(reasonOf(await failure(all(client.upTo({ n: 1 }, { token: source.token }))))).toBe('CANCELLED');
    expect(reasonOf(await failure(client.sum(numbers(1), { token: source.token })))).toBe('CANCELLED');
    expect(started).toBe(0);
  });

  it('fails with what its own requests throw, and the server does not take them for whole', async () => {
    const begun: Gate<void> = gate();
    const seen: Gate<unknown> = gate();
    const client = await connect({
      async sum(requests) {
        try {
          for await (const _ of requests) begun.open();
          seen.open('whole');
        } catch (error) {
          seen.open(reasonOf(error) ?? 'failed');
        }
        return { n: 0 };
      },
    });
    async function* broken() {
      yield { n: 1 };
      await begun.opened;
      throw new Error('no more ink');
    }
    const error = await failure(client.sum(broken()));
    expect(String((error as { cause?: Error }).cause ?? error)).toContain('no more ink');
    expect(await seen.opened).not.toBe('whole');
  });

  it('is taken from the server no faster than it is read', async () => {
    let made = 0;
    const filler = 'x'.repeat(1 << 16);
    const unwound: Gate<void> = gate();
    const client = await connect({
      async *upTo() {
        try {
          for (;;) yield { n: ++made, filler };
        } finally {
          unwound.open();
        }
      },
    });
    const responses = client.upTo({ n: 0 });
    for (let n = 1; n <= 10; n++) expect((await responses.next()).value).toEqual({ n });
    await client.double({ n: 1 });
    await responses.return?.();
    await unwound.opened;
    // What buffers hold in between: far less than what a tight loop would have made meanwhile.
    expect(made).toBeLessThan(400);
  });
});

describe.each(Object.entries(ways))('gzip %s', (_way, connect) => {
  it('packs the messages of an answer for whoever takes it', async () => {
    const client = await connect({}, { compressMinBytes: 0 });
    expect(await all(client.upTo({ n: 3 }))).toEqual(await all(numbers(3)));
    expect(await client.double({ n: 21 })).toEqual({ n: 42 });
  });
});

it('talks both ways at the same time over HTTP/2', async () => {
  const client = await ways['over HTTP/2']!();
  const next: Gate<{ n: number }>[] = [gate(), gate(), gate()];
  async function* requests() {
    for (const { opened } of next) yield await opened;
  }
  const responses = client.chat(requests());
  for (const [n, { open }] of next.entries()) {
    const answer = responses.next();
    open({ n });
    expect((await answer).value).toEqual({ n });
  }
  expect((await responses.next()).done).toBe(true);
});

it('packs requests where the client says so', async () => {
  const { url } = await served();
  const transport = http2Transport({ baseUrl: url });
  ends.push(() => transport.close());
  const client = createClient(Counter, { transport, compressMinBytes: 0 });
  expect(await client.double({ n: 4 })).toEqual({ n: 8 });
  expect(await client.sum(numbers(10))).toEqual({ n: 55 });
});
