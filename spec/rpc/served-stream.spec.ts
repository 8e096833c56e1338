import { connect, constants } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { CancellationSource, type CancellationToken } from '../../lib/core/index.ts';
import type { Interceptor } from '../../lib/rpc/client.ts';
import { clientStream, service } from '../../lib/rpc/index.ts';
import { envelopesIn } from '../../lib/rpc/messages.ts';
import {
  type Abandoned,
  type CallContext,
  createHandler,
  type HandlerOptions,
  implement,
} from '../../lib/rpc/server.ts';
import { serve } from '../../lib/server/index.ts';
import { seal } from '../../lib/wire/index.ts';
import { uncaughtDuring } from '../core/support/uncaught.ts';
import { Counter } from './support/counter.ts';
import { gate } from './support/gate.ts';
import { settled } from './support/greeter.ts';

type Numbers = AsyncIterable<{ n: number }>;

interface Work {
  double?: (request: { n: number }, context: CallContext) => { n: number };
  upTo?: (request: { n: number }, context: CallContext) => Numbers;
  sum?: (requests: Numbers, context: CallContext) => Promise<{ n: number }>;
}

/** A server of its own for each call, whose caller is gone when `source` is cancelled. */
function served(work: Work, options: HandlerOptions = {}) {
  const source = new CancellationSource();
  const abandoned: Abandoned[] = [];
  const handler = createHandler(
    [
      implement(Counter, {
        double: () => expect.unreachable(),
        upTo: () => expect.unreachable(),
        sum: () => expect.unreachable(),
        chat: () => expect.unreachable(),
        ...work,
      }),
    ],
    { onAbandoned: (report) => abandoned.push(report), ...options },
  );
  const call = (method: keyof Work, body: BodyInit, headers: Record<string, string> = {}) => {
    const type = method === 'double' ? 'application/json' : 'application/connect+json';
    const init = { method: 'POST', body, duplex: 'half', headers: { 'content-type': type, ...headers } };
    const request = new Request(`http://localhost/demo.v1.Counter/${method}`, init);
    return handler(request, { token: source.token });
  };
  return { source, abandoned, handler, call };
}

const message = (n: number) => seal(0, new TextEncoder().encode(`{"n":${n}}`));
const one = message(1).slice();

/** A request whose messages the spec sends. */
function upload() {
  let sender!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      sender = controller;
    },
  });
  return { body, sender };
}

/** All that a loop over requests gets, and how it ends; it waits for `hold` after the first. */
async function reading(requests: Numbers, hold?: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  try {
    for await (const { n } of requests) {
      seen.push(n);
      if (seen.length === 1) await hold?.();
    }
    seen.push('whole');
  } catch (error) {
    seen.push(error);
  }
  return seen;
}

/** An interceptor that the spec holds, before or after the implementation. */
function held(when: 'before' | 'after') {
  const entered = gate();
  const hold = gate();
  const pause = () => {
    entered.open();
    return hold.opened;
  };
  const interceptor: Interceptor = async (call, next) => {
    if (when === 'before') await pause();
    const result = await next(call);
    if (when === 'after') await pause();
    return result;
  };
  return { interceptors: [interceptor], entered: entered.opened, release: hold.open };
}

describe('a call that is over before its interceptors are', () => {
  it.each([
    ['double', '{"n":1}'],
    ['upTo', one],
  ] as const)('S0-15: starts no implementation: %s', async (method, body) => {
    const { interceptors, entered, release } = held('before');
    let started = 0;
    const start = () => {
      started++;
      return { n: 1 } as never;
    };
    const { source, abandoned, call } = served({ double: start, upTo: start }, { interceptors });
    void call(method, body);
    await entered;
    source.cancel();
    release();
    await settled();
    expect([started, abandoned]).toEqual([0, []]);
  });

  it('starts no generator, and asks an iterator to return whose first response nobody has asked for', async () => {
    for (const kind of ['generator', 'iterator']) {
      const { interceptors, entered, release } = held('after');
      const log: string[] = [];
      async function* generator() {
        log.push('started');
        yield { n: 1 };
      }
      const iterator = {
        async next() {
          log.push('started');
          return { done: true, value: undefined } as const;
        },
        async return() {
          log.push('returned');
          return { done: true, value: undefined } as const;
        },
      };
      const upTo = () => (kind === 'generator' ? generator() : { [Symbol.asyncIterator]: () => iterator });
      const { source, call } = served({ upTo }, { interceptors });
      void call('upTo', one);
      await entered;
      source.cancel();
      release();
      await settled();
      expect([kind, log]).toEqual([kind, kind === 'generator' ? [] : ['returned']]);
    }
  });
});

describe('what a server interceptor hands on', () => {
  const limited = (limit: CancellationSource): Interceptor => {
    return (call, next) => next({ ...call, token: limit.token, headers: new Headers({ 'x-user': 'Bob' }) });
  };

  it('is what the implementation gets: the token and the headers', async () => {
    const limit = new CancellationSource();
    const seen: unknown[] = [];
    const double = (_: unknown, { token, signal, headers }: CallContext) => {
      limit.cancel('TIMEOUT');
      seen.push(token === limit.token, signal.aborted, headers.get('x-user'));
      return { n: 2 };
    };
    const response = await served({ double }, { interceptors: [limited(limit)] }).call('double', '{"n":1}');
    expect([response.status, seen]).toEqual([200, [true, true, 'Bob']]);
  });

  it('is not started under a token that is cancelled', async () => {
    const limit = new CancellationSource();
    limit.cancel('TIMEOUT');
    const options = { interceptors: [limited(limit)], onError: () => {} };
    const response = await served({}, options).call('double', '{"n":1}');
    expect([response.status, await response.json()]).toMatchObject([504, { code: 'deadline_exceeded' }]);
  });

  it('ends the requests too', async () => {
    const limit = new CancellationSource();
    const first = gate();
    const ended = gate<unknown[]>();
    const sum = async (requests: Numbers) => {
      first.open();
      ended.open(await reading(requests));
      return { n: 1 };
    };
    const { call } = served({ sum }, { interceptors: [limited(limit)] });
    void call('sum', upload().body);
    await first.opened;
    limit.cancel('TIMEOUT');
    expect(await ended.opened).toEqual([limit.token.error]);
  });

  it('may hide the cancel, yet requests that were left are not taken for whole', async () => {
    const first = gate();
    const ended = gate<unknown[]>();
    const sum = async (requests: Numbers) => {
      first.open();
      ended.open(await reading(requests));
      return { n: 1 };
    };
    const { source, call } = served({ sum }, { interceptors: [limited(new CancellationSource())] });
    void call('sum', upload().body);
    await first.opened;
    source.cancel('PEER_CLOSED');
    expect(await ended.opened).toEqual([source.token.error]);
  });

  it('has to have a token', async () => {
    const errors: unknown[] = [];
    const interceptors: Interceptor[] = [(call, next) => next({ ...call, token: 7 as unknown as CancellationToken })];
    const response = await served({}, { interceptors, onError: (error) => errors.push(error) }).call(
      'double',
      '{"n":1}',
    );
    await settled();
    expect([response.status, String(errors)]).toEqual([500, expect.stringContaining('`call.token`')]);
  });
});

describe('requests', () => {
  /** A `sum` that reads, is held after its first request, and tells what it got. */
  function summing() {
    const first = gate();
    const hold = gate();
    const ended = gate<unknown[]>();
    const sum = async (requests: Numbers) => {
      ended.open(
        await reading(requests, () => {
          first.open();
          return hold.opened;
        }),
      );
      return { n: 1 };
    };
    return { sum, first: first.opened, release: hold.open, ended: ended.opened };
  }

  it('S3-34: that have come already are not handed out after the cancel', async () => {
    const { sum, first, release, ended } = summing();
    const { source, call } = served({ sum });
    const { body, sender } = upload();
    sender.enqueue(Buffer.concat([message(1), message(2), message(3)]));
    void call('sum', body);
    await first;
    source.cancel();
    release();
    expect(await ended).toEqual([1, source.token.error]);
  });

  it('S3-34: that were being checked meanwhile are not handed out either', async () => {
    const checking = gate();
    const checked = gate();
    const slow = {
      '~standard': {
        version: 1,
        vendor: 'spec',
        async validate(value: unknown) {
          checking.open();
          await checked.opened;
          return { value };
        },
      },
    } as const;
    const ended = gate<unknown[]>();
    const Slow = service('demo.v1.Slow', { sum: clientStream({ input: slow, output: slow }) });
    const sum = async (requests: AsyncIterable<unknown>) => ended.open(await reading(requests as Numbers));
    const source = new CancellationSource();
    const headers = { 'content-type': 'application/connect+json' };
    const request = new Request('http://localhost/demo.v1.Slow/sum', { method: 'POST', body: one, headers });
    void createHandler([implement(Slow, { sum })])(request, { token: source.token });
    await checking.opened;
    source.cancel();
    checked.open();
    expect(await ended.opened).toEqual([source.token.error]);
  });

  it('S3-34: do not end as if they were whole once the caller has cancelled: Node closes its side before it resets', async () => {
    const { sum, first, release, ended } = summing();
    const cancelled = gate<CancellationToken>();
    const { handler } = served({
      sum(requests, { token }) {
        token.onCancel(() => cancelled.open(token));
        return sum(requests);
      },
    });
    await using server = await serve(handler);
    const client = connect(server.url.origin);
    const stream = client.request({
      ':method': 'POST',
      ':path': '/demo.v1.Counter/sum',
      'content-type': 'application/connect+json',
    });
    stream.on('error', () => {});
    stream.write(message(1));
    await first;
    stream.close(constants.NGHTTP2_CANCEL);
    const { error } = await cancelled.opened;
    release();
    expect(await ended).toEqual([1, error]);
    client.destroy();
  });
});

describe('the messages of a stream', () => {
  it.each([
    ['whole', message(1)],
    ['broken off', Buffer.concat([message(1), message(2).subarray(0, 6)])],
  ])('S3-34: have no end under a token that was cancelled before it: %s', async (_, chunk) => {
    const source = new CancellationSource();
    async function* chunks() {
      yield chunk;
      source.cancel();
    }
    const reading = { limit: 100, encoding: undefined, fault: 'internal' } as const;
    const messages = envelopesIn(chunks(), reading, source.token);
    expect((await messages.next()).done).toBe(false);
    await expect(messages.next()).rejects.toBe(source.token.error);
  });
});

describe('responses', () => {
  it.each(['server', 'reader'])('S3-06: that have ended are not cancelled afterwards, by the %s', async (who) => {
    let seen: CancellationToken | undefined;
    const upTo = async function* (_: unknown, { token }: CallContext) {
      seen = token;
      yield { n: 1 };
    };
    const { source, call } = served({ upTo });
    const reader = (await call('upTo', one)).body!.getReader();
    await reader.read();
    // The last message is there by then, and nobody has taken it.
    await settled();
    if (who === 'server') source.cancel('PEER_CLOSED');
    else await reader.cancel();
    expect(seen!.cancelled).toBe(false);
  });

  it('are returned by an iterator of whatever kind: none of them ends the process', async () => {
    const done = { done: true, value: undefined } as const;
    const returns: [() => unknown, number][] = [
      [() => done, 0],
      [() => Promise.reject(new Error('no')), 1],
      [
        () => {
          throw new Error('no');
        },
        1,
      ],
    ];
    for (const [back, told] of returns) {
      const asked = gate();
      const next = gate<typeof done>();
      const iterator = {
        next() {
          asked.open();
          return next.opened;
        },
        return: back as () => Promise<typeof done>,
      };
      const { source, abandoned, call } = served({ upTo: () => ({ [Symbol.asyncIterator]: () => iterator }) });
      void call('upTo', one);
      await asked.opened;
      expect(await uncaughtDuring(() => source.cancel())).toEqual([]);
      next.open(done);
      await settled();
      expect(abandoned.map(({ outcome }) => outcome)).toEqual(
        Array.from({ length: told }, () => ({ kind: 'error', error: new Error('no') })),
      );
    }
  });

  it('S1-15: that come when the call is over are told', async () => {
    const asked = gate();
    const late = gate<{ n: number }>();
    const upTo = async function* () {
      asked.open();
      yield await late.opened;
    };
    const { source, abandoned, call } = served({ upTo });
    void call('upTo', one);
    await asked.opened;
    source.cancel();
    late.open({ n: 7 });
    await settled();
    expect(abandoned.map(({ outcome }) => outcome)).toEqual([{ kind: 'value', value: { n: 7 } }]);
  });
});
