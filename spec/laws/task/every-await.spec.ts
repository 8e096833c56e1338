// A cancel at every await of every public function: after k microtasks, for every k until the function ends by itself. Nothing
// may be left behind by it, nothing may wait for ever, and nothing may be rejected that nobody handles, which fails the run.
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  abortable,
  all,
  delay,
  execute,
  forever,
  proactiveRetry,
  race,
  retry,
  spawn,
  waitForEvent,
} from '../../../lib/abortable/index.ts';
import { CancellationSource, type CancellationToken, clock as coreClock } from '../../../lib/core/index.ts';
import {
  cancellable,
  checkpoint,
  coroutine,
  iterate,
  onceEvent,
  run,
  scope,
  share,
  shield,
  sleep,
  stoppedAsError,
  stoppedAsOptional,
  stopWhen,
  suspendForever,
  type Task,
  uponStopped,
  waitAll,
  waitAny,
  waitFor,
  waitOn,
  withDeadline,
  withoutCancel,
  withTimeout,
} from '../../../lib/task/index.ts';
import { expectNoLeaks, fakeClock } from '../../../lib/testing/index.ts';

/** Ends by itself after some microtasks, and cleans up for some more when it is stopped. */
const brief = async (token: CancellationToken): Promise<number> => {
  try {
    for (let i = 0; i < 3; i++) {
      await undefined;
      token.throwIfCancelled();
    }
    return 1;
  } finally {
    await undefined;
  }
};
const fails: Task<never> = async (token) => {
  await brief(token);
  throw new Error('no');
};
const stops: Task<number> = (token) => suspendForever(token);

async function* numbers(token: CancellationToken): AsyncGenerator<number> {
  for (let i = 0; i < 3; i++) yield await brief(token);
}

const caller = new EventEmitter();

const calls: Readonly<Record<string, Task<unknown>>> = {
  run: (token) => run(brief, { token }),
  'run, failing': (token) => run(fails, { token }),
  'run, with limits': (token) => run(brief, { token, timeout: 10, graceMs: 5 }),
  waitAny: (token) => waitAny([brief, stops, fails], { token }),
  'waitAny, with grace': (token) => waitAny([brief, () => new Promise(() => undefined)], { token, graceMs: 5 }),
  waitAll: (token) => waitAll([brief, brief], { token }),
  'waitAll, failing': (token) => waitAll([stops, fails, brief], { token, graceMs: 5 }),
  waitFor: (token) => waitFor(brief, 10, { token }),
  'waitFor, too late': (token) => waitFor(stops, 1, { token }),
  stopWhen: (token) => stopWhen(stops, brief, { token }),
  'stopWhen, in time': (token) => stopWhen(brief, stops, { token }),
  scope: (token) =>
    scope(
      async ({ spawn: start, defer, token: own }) => {
        defer(brief);
        start(brief);
        start(async (inner) => start(() => brief(inner)));
        return brief(own);
      },
      { token },
    ),
  'scope, failing': (token) =>
    scope(
      ({ spawn: start, defer }) => {
        defer(fails);
        start(stops);
        start(fails);
      },
      { token, graceMs: 5 },
    ),
  'scope, cancelled from inside': (token) =>
    scope(
      async ({ spawn: start, cancel, token: own }) => {
        start(stops);
        await brief(own);
        cancel();
      },
      { token },
    ),
  shield: (parent) => shield(brief, { timeout: 10, parent }),
  withoutCancel: (token) => withoutCancel(brief, { token, onLate: () => undefined }),
  withTimeout: (token) => withTimeout(10, brief, { token }),
  withDeadline: (token) => withDeadline(coreClock.now() + 10, brief, { token }),
  stoppedAsOptional: (token) => stoppedAsOptional(brief)(token),
  stoppedAsError: (token) => stoppedAsError(brief, () => new Error('stopped'))(token),
  uponStopped: (token) => uponStopped(brief, () => 2)(token),
  share: (token) => {
    const shared = share(brief);
    return Promise.all([shared(token), shared(token)]);
  },
  sleep: (token) => sleep(5, token),
  suspendForever: (token) => waitFor((own) => suspendForever(own), 5, { token }),
  onceEvent: (token) => {
    const waiting = onceEvent(caller, 'event', token);
    void Promise.resolve().then(() => caller.emit('event'));
    return waiting;
  },
  checkpoint: async (token) => {
    for (let i = 0; i < 5; i++) await checkpoint(token, { everyMs: 0 });
  },
  coroutine: coroutine(function* (token) {
    try {
      return yield* waitOn(brief(token));
    } finally {
      yield undefined;
    }
  }),
  'cancellable, with a signal': (token) => {
    const wait = async (_: { signal?: AbortSignal }) => 1;
    return cancellable(wait, { signalIn: 0 })(token, {});
  },
  'cancellable, without': (token) => cancellable(async () => brief(new CancellationSource().token))(token),
  'cancellable, of a callback': (token) =>
    cancellable((done: (error: unknown, value: number) => void) => queueMicrotask(() => done(null, 1)), {
      callback: true,
    })(token),
  'cancellable, of a promise': (token) => cancellable(Promise.resolve(1))(token),
  iterate: async (token) => {
    for await (const item of iterate(numbers, token)) if (item > 1) break;
  },
  'iterate, left': async (token) => {
    for await (const _ of iterate(numbers, token)) break;
  },
  abortable: (token) => abortable(async () => brief(new CancellationSource().token))(token),
  execute: (token) =>
    execute(token, (resolve) => {
      queueMicrotask(() => resolve(1));
      return () => undefined;
    }),
  race: (token) => race(token, (own) => [brief(own), forever(own)]),
  all: (token) => all(token, (own) => [brief(own), brief(own)]),
  forever: (token) => waitFor((own) => forever(own), 5, { token }),
  delay: (token) => delay(token, 1),
  waitForEvent: (token) => {
    const waiting = waitForEvent(token, caller, 'event');
    void Promise.resolve().then(() => caller.emit('event'));
    return waiting;
  },
  retry: (token) => retry(token, (own, attempt) => (attempt === 0 ? fails(own) : brief(own)), { baseMs: 0 }),
  proactiveRetry: (token) => proactiveRetry(token, (own) => brief(own), { maxAttempts: 1 }),
  spawn: (token) =>
    spawn(token, async (own, { fork, defer }) => {
      defer(async () => undefined);
      fork((inner) => brief(inner));
      return brief(own);
    }),
};

describe('a cancel at every await leaves no child, no registration, no timer and no listener', () => {
  it.each(Object.keys(calls))('of %s', async (name) => {
    const call = calls[name] as Task<unknown>;
    for (let turns = 0, over = false; !over; turns++) {
      using clock = fakeClock();
      const root = new CancellationSource();
      const shown = { over: false };
      const done = Promise.resolve(call(root.token))
        .then(
          () => undefined,
          () => undefined,
        )
        .finally(() => {
          shown.over = true;
        });
      for (let i = 0; i < turns; i++) await undefined;
      over = shown.over || turns > 500;
      root.cancel('SHUTDOWN');
      await clock.advanceAsync(100);
      await done;
      expectNoLeaks(root.token);
      expect(caller.eventNames()).toEqual([]);
      new CancellationSource({ timeout: 1 }).close();
      expect(clock.pending, 'timers').toBe(1);
    }
  });
});
