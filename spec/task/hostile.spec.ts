// Tasks that behave as no task should: whatever they do, what waits for them ends once, in one way, and nothing is lost.
import { describe, expect, it } from 'vitest';
import { CancellationToken } from '../../lib/core/index.ts';
import {
  run,
  scope,
  share,
  stoppedAsOptional,
  suspendForever,
  type Task,
  unwrap,
  waitAll,
  waitAny,
  waitFor,
} from '../../lib/task/index.ts';
import { bench, stopped, watch } from './support/bench.ts';

const rude = new Error('rude');
function throwing(): never {
  throw rude;
}

/** Results that throw when they are looked at, settle twice, or pretend to be promises. */
const results: Readonly<Record<string, () => unknown>> = {
  'that is a thenable whose `then` throws': () => ({ then: throwing }),
  'whose `then` throws when it is read': () => Object.defineProperty({}, 'then', { get: throwing }),
  'that rejects and then resolves': () => ({
    then(resolve: (value: number) => void, reject: (error: unknown) => void) {
      reject(rude);
      resolve(1);
      throwing();
    },
  }),
  'whose constructor throws when it is read': () =>
    Object.defineProperty(Promise.resolve(1), 'constructor', { get: throwing }),
  'that is a promise with a `then` of its own, which calls back twice': () => {
    const own = (_: unknown, reject: (error: unknown) => void) => {
      reject(new Error('never heard'));
      reject(new Error('never heard'));
    };
    return Object.assign(Promise.reject(rude), { then: own });
  },
  'that resolves with a promise that rejects': () => Promise.resolve().then(() => Promise.reject(rude)),
};

describe.each(Object.keys(results))('a result %s', (name) => {
  bench();
  const hostile = results[name] as Task<unknown>;
  const failure = { kind: 'error', error: rude };

  it('is an error, once', async () => {
    expect(await run(hostile)).toEqual(failure);
    expect(await waitAll([() => 1, hostile])).toEqual(failure);
    expect(await waitAny([hostile, suspendForever])).toEqual(failure);
    expect(await waitFor(hostile, 10)).toEqual(failure);
    expect(await run(stoppedAsOptional(hostile))).toEqual(failure);
    await expect(scope(({ spawn }) => void spawn(hostile))).rejects.toBe(rude);
    await expect(share(hostile)(CancellationToken.none)).rejects.toBe(rude);
  });
});

describe('a task that cancels what it is part of', () => {
  const on = bench();

  it.each([
    ['at once', () => on.root.cancel('SHUTDOWN')],
    ['when it has begun to wait', () => queueMicrotask(() => on.root.cancel('SHUTDOWN'))],
  ])('%s, stops it, siblings that are yet to be started included', async (_, cancel) => {
    const seen: unknown[] = [];
    const after: Task<unknown> = async (token) => {
      await undefined;
      await undefined;
      seen.push(token.reason);
      token.throwIfCancelled();
    };
    const outcome = await waitAll([() => cancel(), after, after], { token: on.root.token, graceMs: 5 });
    expect([outcome, seen]).toEqual([stopped(on.root), ['SHUTDOWN', 'SHUTDOWN']]);
  });

  it('from the callback of its own completion, does so too late', async () => {
    const running = run(() => 1, { token: on.root.token });
    const told = running.then(() => [running.cancel(), on.root.cancel()]);
    expect([(await running).kind, await told]).toEqual(['value', [false, true]]);
  });

  it('from a stop callback of a sibling, finds it cancelled already', async () => {
    const made: boolean[] = [];
    const outcome = await scope(
      async ({ spawn, cancel }) => {
        spawn(
          (token) =>
            new Promise((resolve) =>
              token.onCancel(() => {
                made.push(cancel(), on.root.cancel());
                resolve(undefined);
              }),
            ),
        );
        cancel();
      },
      { token: on.root.token },
    ).catch((error) => error);
    expect([made, outcome]).toEqual([[false, true], on.root.token.error]);
  });

  it('whose stop callback throws is stopped all the same; the error goes the way of all such errors', async () => {
    const errors: unknown[] = [];
    const source = on.root.token.child({ onCallbackError: ({ errors: all }) => errors.push(...all) });
    const running = run(
      (token) =>
        new Promise((_, reject) => {
          token.onCancel(throwing);
          token.onCancel(reject);
        }),
      { token: source.token },
    );
    expect(source.cancel()).toBe(true);
    expect([(await running).kind, errors]).toEqual(['stopped', [rude]]);
  });

  it('children that never settle hold nothing when there is a grace, however deep they are', async () => {
    const never: Task<never> = () => new Promise(() => undefined);
    const deep =
      (depth: number): Task<unknown> =>
      (token) =>
        waitAll([depth === 0 ? never : deep(depth - 1), never], { token, graceMs: 10 }).then(unwrap);
    const running = run(deep(5), { token: on.root.token });
    const state = watch(running);
    on.root.cancel();
    await on.clock.advanceAsync(10);
    expect(state.done).toBe(true);
    expect((await running).suppressed).toContainEqual(expect.objectContaining({ name: 'AbandonedError' }));
  });
});
