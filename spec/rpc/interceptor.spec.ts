import { describe, expect, it } from 'vitest';
import {
  CancellationSource,
  type CancellationToken,
  currentToken,
  setCurrentToken,
  snapshot,
} from '../../lib/core/index.ts';
import { createClient, hedge, type Interceptor, retry } from '../../lib/rpc/client.ts';
import { RpcError, type Transport, type UnaryCall, type UnaryReply } from '../../lib/rpc/index.ts';
import { type CallContext, createHandler, implement } from '../../lib/rpc/server.ts';
import { all, Counter, numbers } from './support/counter.ts';
import { gate } from './support/gate.ts';
import { fetchInto, settled } from './support/greeter.ts';
import { useManualClock } from './support/manual-clock.ts';

const time = useManualClock();

const work = {
  double: ({ n }: { n: number }) => ({ n: 2 * n }),
  upTo: ({ n }: { n: number }) => numbers(n),
  sum: async (requests: AsyncIterable<{ n: number }>) => ({ n: (await all(requests)).length }),
  chat: (requests: AsyncIterable<{ n: number }>) => requests,
};

const unavailable = (neverProcessed = false) => new RpcError('unavailable', 'Gone.', { neverProcessed });

/** A transport whose answers a test gives. */
function scripted(...answers: (number | Error | 'never')[]) {
  const calls: UnaryCall[] = [];
  const transport: Transport = {
    unary(call) {
      calls.push(call);
      const answer = answers[calls.length - 1] ?? 'never';
      if (answer instanceof Error) return Promise.reject(answer);
      return new Promise<UnaryReply>((resolve, reject) => {
        call.token.onCancel(reject);
        if (answer === 'never') return;
        const body = new TextEncoder().encode(JSON.stringify({ n: answer }));
        resolve({ status: 200, header: () => 'application/json', headers: () => [], body });
      });
    },
  };
  return { calls, transport };
}

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    () => expect.fail('resolved'),
    (error: RpcError) => error,
  );

/** Enough for what comes without a wait, and for abort-controller-x's pauses of no time, which are timers. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
}

describe('interceptors', () => {
  it('of a client wrap each call, the first one outermost, and may change it and its answer', async () => {
    const log: string[] = [];
    const named =
      (name: string): Interceptor =>
      async (call, next) => {
        log.push(`${name} ${call.service}/${call.method} ${call.kind} ${JSON.stringify(call.request)}`);
        call.headers.set('x-by', name);
        const { n } = (await next({ ...call, request: { n: 5 } })) as { n: number };
        return { n: n + 1 };
      };
    const seen: (string | null)[] = [];
    const handler = createHandler([
      implement(Counter, {
        ...work,
        double({ n }, { headers }) {
          seen.push(headers.get('x-by'));
          return { n: 2 * n };
        },
      }),
    ]);
    const interceptors = [named('a'), named('b')];
    const client = createClient(Counter, { baseUrl: 'http://localhost', fetch: fetchInto(handler), interceptors });
    expect(await client.double({ n: 1 })).toEqual({ n: 12 });
    expect(log).toEqual(['a demo.v1.Counter/double unary {"n":1}', 'b demo.v1.Counter/double unary {"n":5}']);
    expect(seen).toEqual(['b']);
  });

  it('of a client wrap streams', async () => {
    const doubled: Interceptor = async (call, next) => {
      const responses = (await next(call)) as AsyncIterable<{ n: number }>;
      return (async function* () {
        for await (const { n } of responses) yield { n: 2 * n };
      })();
    };
    const handler = createHandler([implement(Counter, work)]);
    const interceptors = [doubled];
    const client = createClient(Counter, { baseUrl: 'http://localhost', fetch: fetchInto(handler), interceptors });
    expect(await all(client.upTo({ n: 2 }))).toEqual([{ n: 2 }, { n: 4 }]);
  });

  it('of a client that do not look at their token hold up no cancel and no deadline', async () => {
    const stuck: Interceptor = () => new Promise(() => {});
    const { calls, transport } = scripted();
    const client = createClient(Counter, { transport, interceptors: [stuck] });
    const handle = client.double.start({ n: 1 });
    handle.cancel();
    expect(await failure(handle.response)).toMatchObject({ code: 'canceled', cause: handle.token.error });
    const late = failure(client.sum(numbers(1), { timeout: 100 }));
    time().advance(100);
    expect((await late).code).toBe('deadline_exceeded');
    expect(calls).toEqual([]);
  });

  it('of a client whose responses do not look at it hold up neither, and are asked to return', async () => {
    let returned = 0;
    const stuck: Interceptor = () => {
      const results = [Promise.resolve({ done: false, value: { n: 1 } })];
      return {
        next: () => results.pop() ?? new Promise(() => {}),
        return: () => {
          returned++;
          return new Promise(() => {});
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    };
    const client = createClient(Counter, { transport: scripted().transport, interceptors: [stuck] });
    const source = new CancellationSource();
    const responses = client.upTo({ n: 1 }, { token: source.token });
    expect((await responses.next()).value).toEqual({ n: 1 });
    const pending = failure(responses.next());
    source.cancel();
    expect((await pending).cause).toBe(source.token.error);
    expect(returned).toBe(1);
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
  });

  it('of a server see the call before its implementation, and may refuse it', async () => {
    const guard: Interceptor = (call, next) => {
      if (call.headers.get('authorization') !== 'yes') throw new RpcError('unauthenticated', 'Who are you?');
      return next(call);
    };
    const fetch = fetchInto(createHandler([implement(Counter, work)], { interceptors: [guard] }));
    const client = createClient(Counter, { baseUrl: 'http://localhost', fetch });
    expect(await failure(client.double({ n: 1 }))).toMatchObject({ code: 'unauthenticated', message: 'Who are you?' });
    expect((await failure(all(client.upTo({ n: 1 })))).code).toBe('unauthenticated');
    const headers = { authorization: 'yes' };
    expect(await client.double({ n: 1 }, { headers })).toEqual({ n: 2 });
    expect(await all(client.upTo({ n: 1 }, { headers }))).toEqual([{ n: 1 }]);
  });
});

describe('retry', () => {
  const client = (transport: Transport, method: 'double' | 'other' = 'double') => {
    const asIs: Interceptor = (call, next) => next({ ...call, idempotent: method === 'double' });
    return createClient(Counter, { transport, timeout: 10_000, interceptors: [asIs, retry({ baseMs: 100 })] });
  };

  it('sends an idempotent call again that has failed with unavailable', async () => {
    const { calls, transport } = scripted(unavailable(), 4);
    const answer = client(transport).double({ n: 2 });
    await settled();
    time().advance(100);
    expect(await answer).toEqual({ n: 4 });
    expect(calls).toHaveLength(2);
  });

  it('sends another call again only where it was certainly never processed', async () => {
    const once = scripted(unavailable(), 4);
    expect((await failure(client(once.transport, 'other').double({ n: 2 }))).code).toBe('unavailable');
    expect(once.calls).toHaveLength(1);
    const twice = scripted(unavailable(true), 4);
    const answer = client(twice.transport, 'other').double({ n: 2 });
    await settled();
    time().advance(100);
    expect(await answer).toEqual({ n: 4 });
  });

  it('sends nothing again after another error, nor more often than allowed', async () => {
    const refused = scripted(new RpcError('not_found', ''), 4);
    expect((await failure(client(refused.transport).double({ n: 2 }))).code).toBe('not_found');
    expect(refused.calls).toHaveLength(1);
    const gone = scripted(unavailable(), unavailable(), unavailable(), 4);
    const answer = failure(client(gone.transport).double({ n: 2 }));
    for (let pause = 0; pause < 4; pause++) {
      await settled();
      time().advance(1_000);
    }
    expect((await answer).code).toBe('unavailable');
    expect(gone.calls).toHaveLength(3);
  });

  it('begins no attempt for which the pause would leave no time', async () => {
    const { calls, transport } = scripted(unavailable(), 4);
    const limited = createClient(Counter, { transport, interceptors: [retry({ baseMs: 1_000 })] });
    expect((await failure(limited.double({ n: 2 }, { timeout: 400 }))).code).toBe('unavailable');
    expect(calls).toHaveLength(1);
  });

  it('waits as long as the server asks for, where the time allows it', async () => {
    const busy = new RpcError('unavailable', 'Busy.', { metadata: { 'retry-after': '2' }, remote: true });
    const { calls, transport } = scripted(busy, 4);
    const retried = createClient(Counter, { transport, interceptors: [retry({ baseMs: 0 })] });
    const answer = retried.double({ n: 2 }, { timeout: 2_500 });
    await turns();
    time().advance(1_999);
    await turns();
    expect(calls).toHaveLength(1);
    time().advance(1);
    expect(await answer).toEqual({ n: 4 });

    const short = scripted(busy, 4);
    const limited = createClient(Counter, { transport: short.transport, interceptors: [retry({ baseMs: 0 })] });
    expect(await failure(limited.double({ n: 2 }, { timeout: 2_000 }))).toBe(busy);
    expect(short.calls).toHaveLength(1);
  });

  it('gives each attempt headers of its own', async () => {
    const { calls, transport } = scripted(unavailable(), 4);
    const marked: Interceptor = (call, next) => {
      call.headers.append('x-try', String(calls.length));
      return next(call);
    };
    const client = createClient(Counter, { transport, interceptors: [retry({ baseMs: 0 }), marked] });
    expect(await client.double({ n: 2 })).toEqual({ n: 4 });
    expect(calls.map((call) => call.headers()['x-try'])).toEqual(['0', '1']);
  });

  it('is stopped in its pause as a call is', async () => {
    const { calls, transport } = scripted(unavailable(), 4);
    const source = new CancellationSource();
    const error = failure(client(transport).double({ n: 2 }, { token: source.token }));
    await settled();
    source.cancel();
    expect(await error).toMatchObject({ name: 'RpcError', code: 'canceled', reason: 'CANCELLED' });
    expect(calls).toHaveLength(1);
  });
});

describe('hedge', () => {
  const hedged = (transport: Transport, maxAttempts = 2, ...more: Interceptor[]) =>
    createClient(Counter, { transport, interceptors: [hedge({ afterMs: 50_000, maxAttempts }), ...more] });

  it('sends an attempt when the one before was waited for so long, twice as long each time, and not earlier', async () => {
    const { calls, transport } = scripted('never', 'never', 4);
    const answer = hedged(transport, 3).double({ n: 2 });
    await turns();
    for (const ms of [50_000, 100_000]) {
      const { length } = calls;
      time().advance(ms - 1);
      await turns();
      expect(calls).toHaveLength(length);
      time().advance(1);
      await turns();
      expect(calls).toHaveLength(length + 1);
    }
    expect(await answer).toEqual({ n: 4 });
  });

  it('sends the next one at once when none is under way', async () => {
    const { calls, transport } = scripted(unavailable(), unavailable(), 4);
    expect(await hedged(transport, 3).double({ n: 2 })).toEqual({ n: 4 });
    expect(calls).toHaveLength(3);
  });

  it('ends with the last failure, or with one that no other attempt would change, and sends nothing after it', async () => {
    const gone = scripted(unavailable(), unavailable(), 4);
    expect((await failure(hedged(gone.transport).double({ n: 2 }))).code).toBe('unavailable');
    expect(gone.calls).toHaveLength(2);
    const none = new RpcError('not_found', '');
    const late: Interceptor = async (call, next) => {
      await turns();
      return next(call);
    };
    const missing = scripted(none, 4);
    expect(await failure(hedged(missing.transport, 2, late).double({ n: 2 }))).toBe(none);
    await turns();
    expect(missing.calls).toHaveLength(1);
  });

  it('hands the first answer out whatever the loser waits for', async () => {
    const { calls, transport } = scripted(4);
    let attempts = 0;
    const stuck: Interceptor = (call, next) => (attempts++ === 0 ? new Promise(() => {}) : next(call));
    const answer = hedged(transport, 2, stuck).double({ n: 2 });
    await turns();
    time().advance(50_000);
    expect(await answer).toEqual({ n: 4 });
    expect(calls).toHaveLength(1);
  });

  it('gives each attempt headers of its own', async () => {
    const { calls, transport } = scripted(unavailable(), 4);
    const marked: Interceptor = (call, next) => {
      call.headers.append('x-try', String(calls.length));
      return next(call);
    };
    expect(await hedged(transport, 2, marked).double({ n: 2 })).toEqual({ n: 4 });
    expect(calls.map((call) => call.headers()['x-try'])).toEqual(['0', '1']);
  });

  it('lets a stream be, whatever it is called', async () => {
    const stopped = gate();
    async function* upTo({ n }: { n: number }, { token }: CallContext) {
      token.onCancel(() => stopped.open());
      yield { n };
      await stopped.opened;
    }
    const handler = createHandler([implement(Counter, { ...work, upTo })]);
    const said: Interceptor = (call, next) => next({ ...call, idempotent: true });
    const interceptors = [said, hedge({ afterMs: 50_000 })];
    const client = createClient(Counter, { baseUrl: 'http://localhost', fetch: fetchInto(handler), interceptors });
    const call = client.upTo.start({ n: 2 });
    expect((await call.responses.next()).value).toEqual({ n: 2 });
    const pending = failure(call.responses.next());
    call.cancel();
    expect((await pending).code).toBe('canceled');
    await stopped.opened;
  });

  it('sends a second attempt beside the first, takes the first answer and cancels the other', async () => {
    const { calls, transport } = scripted('never', 4);
    const client = createClient(Counter, { transport, interceptors: [hedge({ afterMs: 50 })] });
    const answer = client.double({ n: 2 });
    await settled();
    expect(calls).toHaveLength(1);
    time().advance(50);
    expect(await answer).toEqual({ n: 4 });
    expect(calls.map(({ token }) => token.cancelled)).toEqual([true, expect.any(Boolean)]);
  });

  it('leaves calls alone that are not idempotent', async () => {
    const { calls, transport } = scripted('never', 4);
    const plain: Interceptor = (call, next) => next({ ...call, idempotent: false });
    const client = createClient(Counter, { transport, timeout: 500, interceptors: [plain, hedge({ afterMs: 50 })] });
    const error = failure(client.double({ n: 2 }));
    await settled();
    time().advance(500);
    expect((await error).code).toBe('deadline_exceeded');
    expect(calls).toHaveLength(1);
  });
});

describe('times and numbers of attempts that are none', () => {
  it.each([
    ['hedge', () => hedge({ afterMs: -1 }), RangeError],
    ['hedge', () => hedge({ afterMs: '5' as unknown as number }), TypeError],
    ['hedge', () => hedge({ afterMs: 5, maxAttempts: 0 }), RangeError],
    ['retry', () => retry({ baseMs: Number.NaN }), RangeError],
    ['retry', () => retry({ maxDelayMs: -1 }), RangeError],
    ['retry', () => retry({ maxAttempts: 1.5 }), RangeError],
  ])('are refused by %s itself: %#', (_, make, Kind) => {
    expect(make).toThrow(Kind);
  });

  it('are not those that mean never and always', () => {
    expect(() => [hedge({ afterMs: 0 }), retry({ maxAttempts: Number.POSITIVE_INFINITY, baseMs: 0 })]).not.toThrow();
  });
});

describe('an implementation', () => {
  it('S0-14, S1-12: runs with the token of its call as the current one, generators included', async () => {
    let current: CancellationToken = currentToken();
    const none = current;
    const restore = setCurrentToken(
      () => current,
      (token, fn) => {
        const before = current;
        current = token;
        try {
          return fn();
        } finally {
          current = before;
        }
      },
    );
    const seen: boolean[] = [];
    const handler = createHandler([
      implement(Counter, {
        ...work,
        double({ n }, { token }) {
          seen.push(currentToken() === token);
          return { n };
        },
        async *upTo({ n }, { token }) {
          seen.push(currentToken() === token);
          yield { n };
          seen.push(currentToken() === token);
        },
      }),
    ]);
    const client = createClient(Counter, { baseUrl: 'http://localhost', fetch: fetchInto(handler) });
    await client.double({ n: 1 });
    await all(client.upTo({ n: 1 }));
    restore();
    expect(seen).toEqual([true, true, true]);
    expect(currentToken()).toBe(none);
  });
});

describe('default timeouts', () => {
  it('are those of the method, else of the client, and give way to those of the call', () => {
    const { calls, transport } = scripted();
    const client = createClient(Counter, { transport, timeout: 5_000, timeouts: { double: 300 } });
    client.double({ n: 1 }).catch(() => {});
    client.double({ n: 1 }, { timeout: 700 }).catch(() => {});
    expect(calls.map(({ token }) => token.remaining())).toEqual([300, 700]);
    time().advance(700);
  });
});
