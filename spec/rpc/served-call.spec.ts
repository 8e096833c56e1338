import { describe, expect, it } from 'vitest';
import {
  CancellationSource,
  CancellationToken,
  type CancelReason,
  clock,
  pendingAlarms,
  snapshot,
} from '../../lib/core/index.ts';
import { RpcError } from '../../lib/rpc/index.ts';
import {
  type Abandoned,
  type CallContext,
  createHandler,
  type HandlerOptions,
  implement,
} from '../../lib/rpc/server.ts';
import { BodyTooLargeError } from '../../lib/wire/index.ts';
import { type Answer, TestExchange } from './support/exchange.ts';
import { gate } from './support/gate.ts';
import { GREET, Greeter, greetRequest, settled } from './support/greeter.ts';
import { useManualClock } from './support/manual-clock.ts';

const time = useManualClock();

type Work = (context: CallContext) => { greeting: string } | Promise<{ greeting: string }>;

/** A handler whose one method does `work`, with what it reports. */
function served(work: Work, options: HandlerOptions = {}) {
  const errors: unknown[] = [];
  const abandoned: Abandoned[] = [];
  const handler = createHandler([implement(Greeter, { greet: (_, context) => work(context) })], {
    onError: (error) => errors.push(error),
    onAbandoned: (report) => abandoned.push(report),
    ...options,
  });
  return { handler, errors, abandoned };
}

/** Work that is under way until the spec lets it go on. */
function held() {
  const result = gate<{ greeting: string }>();
  const started = gate<CallContext>();
  return {
    resolve: result.open,
    reject: result.fail,
    started: started.opened,
    work: (context: CallContext) => {
      started.open(context);
      return result.opened;
    },
  };
}

const stop = (token: CancellationToken) => new Promise<never>((_, reject) => token.onCancel(reject));
const answer = (status: number, json: Answer['json']): Answer => ({
  status,
  headers: { 'content-type': 'application/json' },
  json,
});
const TIMEOUT = answer(504, { code: 'deadline_exceeded', message: 'The deadline passed before the answer was ready.' });
const SHUTDOWN = answer(503, { code: 'unavailable', message: 'The server is shutting down.' });
const HELLO = answer(200, { greeting: 'hello' });

describe('a call that nobody stops', () => {
  it('is answered with what the implementation returns', async () => {
    const exchange = new TestExchange();
    await exchange.into(served(() => ({ greeting: 'hello' })).handler);
    expect(exchange.answers).toEqual([HELLO]);
  });

  it('S0-02, S0-03: hands the implementation one context: token, deadline, remaining time, signal, headers', async () => {
    const { handler } = served((context) => {
      expect(context.deadline).toBe(clock.now() + 250);
      expect(context.remaining()).toBe(250);
      expect(context.token.deadline).toBe(context.deadline);
      expect(context.signal).toBe(context.token.signal);
      expect(context.headers.get('x-trace')).toBe('7');
      expect([context.service, context.method]).toEqual(['demo.v1.Greeter', 'greet']);
      return { greeting: 'hello' };
    });
    const exchange = new TestExchange({ 'connect-timeout-ms': '250', 'x-trace': '7' });
    await exchange.into(handler);
    expect(exchange.answers).toEqual([HELLO]);
  });

  it('without a timeout header has no deadline, and the very token of the request', async () => {
    const exchange = new TestExchange();
    const { handler } = served(({ token, deadline }) => {
      expect([token, deadline]).toEqual([exchange.token, Number.POSITIVE_INFINITY]);
      return { greeting: 'hello' };
    });
    await exchange.into(handler);
    expect(exchange.answers).toEqual([HELLO]);
  });

  it('S0-24: leaves no timer and no callback behind', async () => {
    const exchange = new TestExchange({ 'connect-timeout-ms': '250' });
    const plain = new TestExchange();
    for (const one of [exchange, plain]) {
      await one.into(served(() => ({ greeting: 'hello' })).handler);
      expect(snapshot(one.token)).toMatchObject({ callbacks: 0, children: [] });
    }
    expect(pendingAlarms()).toBe(0);
    exchange.source.cancel();
    expect(exchange.answers).toEqual([HELLO]);
  });

  it('leaves none either on a token that a server uses for many requests', async () => {
    const source = new CancellationSource();
    const { handler } = served(() => ({ greeting: 'hello' }));
    for (let call = 0; call < 10; call++) await handler(greetRequest(), { token: source.token });
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
  });

  it('S3-06: is not cancelled afterwards, when the platform aborts the signal of the request', async () => {
    const aborter = new AbortController();
    let seen: CallContext | undefined;
    const { handler } = served((context) => {
      seen = context;
      return { greeting: 'hello' };
    });
    expect((await handler(greetRequest(undefined, { signal: aborter.signal }))).status).toBe(200);
    aborter.abort();
    expect(seen!.token.cancelled).toBe(false);
  });

  it.each([{ token: 'secret' }, { token: {} }, { token: null }, null, 'x', 7])(
    'goes by the signal of its request where a server hands on something else: %j',
    async (context) => {
      const aborter = new AbortController();
      const work = held();
      const request = greetRequest(undefined, { signal: aborter.signal });
      const response = served(work.work).handler(request, context as never);
      const { token } = await work.started;
      aborter.abort();
      expect([(await response).status, token.cancelled]).toEqual([499, true]);
    },
  );

  it.each([
    ['1000', undefined, 1_000],
    ['1000', 400, 400],
    ['300', 400, 300],
    [undefined, 400, 400],
    ['9999999999', undefined, 9_999_999_999],
  ])('E20: asked for %s ms with at most %s allowed, it has %s ms', async (asked, maxTimeoutMs, given) => {
    let remaining: number | undefined;
    const { handler } = served(
      (context) => {
        remaining = context.remaining();
        return { greeting: 'hello' };
      },
      maxTimeoutMs === undefined ? {} : { maxTimeoutMs },
    );
    await new TestExchange(asked === undefined ? {} : { 'connect-timeout-ms': asked }).into(handler);
    expect(remaining).toBe(given);
  });

  it("E20: never outlasts the server's own deadline for the request", async () => {
    const source = new CancellationSource({ timeout: 100 });
    let remaining: number | undefined;
    const { handler } = served((context) => {
      remaining = context.remaining();
      return { greeting: 'hello' };
    });
    await handler(greetRequest(undefined, { headers: { 'connect-timeout-ms': '5000' } }), { token: source.token });
    expect(remaining).toBe(100);
  });
});

describe('the deadline', () => {
  it('S1-19, S1-23, S1-10: is answered by the handler itself, while the implementation runs on', async () => {
    const work = held();
    const { handler, abandoned } = served(work.work);
    const exchange = new TestExchange({ 'connect-timeout-ms': '300' });
    const ended = exchange.into(handler);
    const context = await work.started;
    time().advance(299);
    expect([context.token.cancelled, exchange.answers]).toEqual([false, []]);
    time().advance(1);
    expect(exchange.answers).toEqual([TIMEOUT]);
    expect([context.token.reason, context.signal.aborted]).toEqual(['TIMEOUT', true]);

    time().advance(40);
    work.resolve({ greeting: 'late' });
    await ended;
    await settled();
    expect(exchange.answers).toEqual([TIMEOUT]);
    expect(abandoned).toEqual([
      { name: GREET, error: context.token.error, ranOnMs: 40, outcome: { kind: 'value', value: { greeting: 'late' } } },
    ]);
  });

  it('S1-15: a late error is reported, a late stop is not', async () => {
    for (const [late, reports] of [
      [new Error('late'), 1],
      ['stop', 0],
      [new RpcError('canceled', '', { cause: 'stop' }), 0],
    ] as const) {
      const work = held();
      const { handler, abandoned, errors } = served(work.work);
      const exchange = new TestExchange({ 'connect-timeout-ms': '300' });
      const ended = exchange.into(handler);
      const { token } = await work.started;
      time().advance(300);
      if (late === 'stop') work.reject(token.error);
      else work.reject(late instanceof RpcError ? new RpcError('canceled', '', { cause: token.error }) : late);
      await ended;
      await settled();
      expect([abandoned.length, errors.length, exchange.answers.length]).toEqual([reports, 0, 1]);
    }
  });

  it('that passes before the body has come is 408, and starts nothing', async () => {
    let started = false;
    const { handler } = served(() => {
      started = true;
      return { greeting: 'hello' };
    });
    const body = gate<Uint8Array>();
    const exchange = new TestExchange({ 'connect-timeout-ms': '300' }, () => body.opened);
    const ended = exchange.into(handler);
    time().advance(300);
    const late = answer(408, { code: 'deadline_exceeded', message: 'The body of the request did not arrive in time.' });
    expect(exchange.answers).toEqual([late]);
    body.open(new TextEncoder().encode('{"name":"Ada"}'));
    await ended;
    expect([started, exchange.answers]).toEqual([false, [late]]);
  });

  it("an inner deadline of the implementation's own is the gateway's timeout to the caller, and news to onError", async () => {
    const { handler, errors } = served((context) => {
      const inner = context.token.child({ timeout: 0 });
      inner.token.throwIfCancelled();
      return { greeting: 'assembled from partial results' };
    });
    const exchange = new TestExchange();
    await exchange.into(handler);
    await settled();
    expect(exchange.answers).toEqual([TIMEOUT]);
    expect(errors).toHaveLength(1);
  });
});

describe.each(['CANCELLED', 'PEER_CLOSED'] as const)('a caller that is gone: %s', (reason) => {
  it('S0-12, S1-15: gets no answer, then or later', async () => {
    const work = held();
    const { handler, abandoned } = served(work.work);
    const exchange = new TestExchange();
    const ended = exchange.into(handler);
    const { token } = await work.started;
    exchange.source.cancel(reason);
    expect([token.reason, exchange.answers]).toEqual([reason, []]);
    time().advance(5);
    work.resolve({ greeting: 'late' });
    await ended;
    await settled();
    expect(exchange.answers).toEqual([]);
    expect(abandoned).toMatchObject([{ ranOnMs: 5, outcome: { kind: 'value', value: { greeting: 'late' } } }]);
  });

  it('S0-11, S1-11, S1-17: is seen by polling between steps and by a callback while busy', async () => {
    const heard: string[] = [];
    const step = gate();
    const { handler } = served(async ({ token }) => {
      token.onCancel((error) => heard.push(`callback ${error.reason}`));
      heard.push('step 1');
      await step.opened;
      if (token.cancelled) heard.push('stopped between steps');
      token.throwIfCancelled();
      heard.push('step 2');
      return { greeting: 'hello' };
    });
    const exchange = new TestExchange();
    const ended = exchange.into(handler);
    await settled();
    exchange.source.cancel(reason);
    expect(heard).toEqual(['step 1', `callback ${reason}`]);
    step.open();
    await ended;
    expect([heard, exchange.answers]).toEqual([['step 1', `callback ${reason}`, 'stopped between steps'], []]);
  });

  it('S0-15, S3-32: before the start, means that nothing is started and the body is left alone', async () => {
    let touched = false;
    const touch = () => {
      touched = true;
      return new Promise<never>(() => {});
    };
    const exchange = new TestExchange({}, touch);
    exchange.source.cancel(reason);
    await exchange.into(served(touch).handler);
    expect([touched, exchange.answers]).toEqual([false, []]);
  });

  it('while the body is coming, means that nothing is started', async () => {
    const body = gate<Uint8Array>();
    let started = false;
    const { handler, errors } = served(() => {
      started = true;
      return { greeting: '' };
    });
    const exchange = new TestExchange({}, () => body.opened);
    const ended = exchange.into(handler);
    exchange.source.cancel(reason);
    body.fail(exchange.token.error);
    await ended;
    await settled();
    expect([started, exchange.answers, errors]).toEqual([false, [], []]);
  });

  it('the web form resolves all the same, with what would be logged', async () => {
    const source = new CancellationSource();
    const work = held();
    const response = served(work.work).handler(greetRequest(), { token: source.token });
    await work.started;
    source.cancel(reason, { description: 'user closed the tab' });
    expect([(await response).status, await (await response).json()]).toEqual([499, { code: 'canceled' }]);
  });
});

describe('a shutdown', () => {
  it('S1-24: of an implementation that stops is answered at once with 503', async () => {
    const { handler, errors } = served(({ token }) => stop(token));
    const exchange = new TestExchange();
    const ended = exchange.into(handler);
    await settled();
    exchange.source.cancel('SHUTDOWN');
    await ended;
    await settled();
    expect([exchange.answers, errors]).toEqual([[SHUTDOWN], []]);
  });

  it('S3-21: delivers the partial result of one that winds up', async () => {
    const { handler, abandoned } = served(async ({ token }) => {
      await stop(token).catch(() => {});
      return { greeting: 'hello' };
    });
    const exchange = new TestExchange();
    const ended = exchange.into(handler);
    await settled();
    exchange.source.cancel('SHUTDOWN');
    await ended;
    await settled();
    time().advance(10_000);
    expect([exchange.answers, abandoned]).toEqual([[HELLO], []]);
  });

  it('S1-24: of an implementation that ignores it is answered when its grace is over', async () => {
    const work = held();
    const { handler, abandoned } = served(work.work, { shutdownGraceMs: 200 });
    const exchange = new TestExchange();
    const ended = exchange.into(handler);
    await work.started;
    exchange.source.cancel('SHUTDOWN');
    time().advance(199);
    expect(exchange.answers).toEqual([]);
    time().advance(1);
    expect(exchange.answers).toEqual([SHUTDOWN]);
    work.resolve({ greeting: 'late' });
    await ended;
    await settled();
    expect([exchange.answers, abandoned.length]).toEqual([[SHUTDOWN], 1]);
  });

  it('before the start means that nothing is started', async () => {
    let started = false;
    const exchange = new TestExchange();
    exchange.source.cancel('SHUTDOWN');
    await exchange.into(
      served(() => {
        started = true;
        return { greeting: '' };
      }).handler,
    );
    expect([started, exchange.answers]).toEqual([false, [SHUTDOWN]]);
  });

  it('takes another failure for its own consequence, and tells onError', async () => {
    const { handler, errors } = served(({ token }) => stop(token).catch(() => Promise.reject(new Error('query cut'))));
    const exchange = new TestExchange();
    const ended = exchange.into(handler);
    await settled();
    exchange.source.cancel('SHUTDOWN');
    await ended;
    await settled();
    expect([exchange.answers, errors.map(String)]).toEqual([[SHUTDOWN], ['Error: query cut']]);
  });
});

describe('what goes over the wire', () => {
  it.each<CancelReason>(['TIMEOUT', 'SHUTDOWN'])(
    'S1-08: never has the description or cause of a cancel: %s',
    async (reason) => {
      const source = new CancellationSource();
      const response = served(({ token }) => stop(token)).handler(greetRequest(), { token: source.token });
      await settled();
      source.cancel(reason, { description: 'SECRET', cause: new Error('SECRET') });
      const { headers } = await response;
      expect([...headers].join() + (await (await response).text())).not.toContain('SECRET');
    },
  );

  it('S1-08: not even when the implementation throws the error of an own call that somebody cancelled', async () => {
    const { handler } = served(() => {
      const inner = CancellationToken.cancelled('CANCELLED', { description: 'SECRET' });
      throw new RpcError('canceled', `Call to C: ${inner.error?.message}`, { cause: inner.error });
    });
    const exchange = new TestExchange();
    await exchange.into(handler);
    expect(exchange.answers).toEqual([answer(499, { code: 'canceled', message: 'The call was cancelled.' })]);
  });
});

describe('an exchange', () => {
  it('whose server stops reading at the limit is 413', async () => {
    const exchange = new TestExchange({}, () => Promise.reject(new BodyTooLargeError(10)));
    await exchange.into(served(() => ({ greeting: '' }), { maxBodyBytes: 10 }).handler);
    expect(exchange.answers).toEqual([
      answer(413, { code: 'resource_exhausted', message: 'Expected a body of at most 10 bytes.' }),
    ]);
  });
});
