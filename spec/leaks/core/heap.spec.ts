import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, pendingAlarms, snapshot } from '../../../lib/core/index.ts';
import { collect } from '../../runtimes/lost-aborts.ts';

const MILLION = 1_000_000;

/** Bytes of heap that stay behind when `act` has run so many times, after all garbage is gone. */
async function growth(times: number, act: () => unknown): Promise<number> {
  // What is made once, code above all, is not what grows.
  for (let i = 0; i < 10_000; i++) act();
  await collect();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < times; i++) act();
  await collect();
  return process.memoryUsage().heapUsed - before;
}

const callback = (): void => undefined;

describe('S2-27, S3-23, E24: a root as old as the process keeps nothing of', () => {
  const root = new CancellationSource();
  const other = new CancellationSource();
  const controller = new AbortController();
  const followed = CancellationToken.from(controller.signal);

  it.each<[string, () => unknown, number?]>([
    [
      'children that were listened to and closed',
      () => {
        const child = root.token.child();
        child.token.onCancel(callback);
        child.close();
      },
    ],
    ['children that were dropped', () => root.token.child()],
    [
      'children that were listened to, no longer listened to, and dropped',
      () => {
        root.token.child().token.onCancel(callback).unregister();
      },
    ],
    [
      'grandchildren, below children that nobody holds',
      () => {
        root.token.child().token.child().token.onCancel(callback).unregister();
      },
    ],
    [
      'children that were listened to and cancelled',
      () => {
        const child = root.token.child();
        child.token.onCancel(callback);
        child.cancel();
      },
      100_000,
    ],
    ['callbacks that were taken back', () => root.token.onCancel(callback).unregister()],
    [
      'tokens that joined it with another',
      () => {
        CancellationToken.any(root.token, other.token).onCancel(callback).unregister();
      },
      300_000,
    ],
    [
      'tokens that wait for it and another',
      () => {
        CancellationToken.all(root.token, other.token).onCancel(callback).unregister();
      },
      300_000,
    ],
    ['children of a signal', () => followed.child().token.onCancel(callback).unregister(), 300_000],
    ['children with a deadline that were closed', () => root.token.child({ timeout: 1e9 }).close(), 300_000],
    [
      'children with a deadline that was taken away',
      () => root.token.child({ timeout: 1e9 }).cancelAfter(Number.POSITIVE_INFINITY),
      300_000,
    ],
    [
      'children with a signal that were closed',
      () => {
        const child = root.token.child();
        child.token.signal;
        child.close();
      },
      30_000,
    ],
  ])('%s', async (_, act, times = MILLION) => {
    const left = await growth(times, act);
    expect([root, other].map(({ token }) => snapshot(token).children.length)).toEqual([0, 0]);
    expect([snapshot(followed).children.length, snapshot(root.token).callbacks, pendingAlarms()]).toEqual([0, 0, 0]);
    expect(left).toBeLessThan(2 ** 20);
  });
});

describe('what is cancelled', () => {
  it('lets go of its callbacks, its children and its alarm', async () => {
    const source = new CancellationSource();
    const weak = ((): WeakRef<object>[] => {
      const big = { callback: () => undefined };
      source.token.onCancel(big.callback);
      const child = source.token.child({ timeout: 1e9 });
      child.token.onCancel(big.callback);
      return [new WeakRef(big.callback), new WeakRef(child), new WeakRef(child.token)];
    })();
    source.cancel();
    await collect();
    expect(weak.map((one) => one.deref())).toEqual([undefined, undefined, undefined]);
    expect([source.token.cancelled, pendingAlarms()]).toEqual([true, 0]);
  });

  it('a token that its parent has closed lets go of that parent’s ancestors', async () => {
    const held: { leaf?: CancellationSource } = {};
    const root = ((): WeakRef<object> => {
      const top = new CancellationSource();
      const middle = top.token.child();
      held.leaf = middle.token.child();
      middle.close();
      return new WeakRef(top.token);
    })();
    await collect();
    expect(root.deref()).toBe(undefined);
    expect(held.leaf?.token.cancelled).toBe(false);
  });

  it('a followed signal and its token are collected together', async () => {
    const weak = ((): WeakRef<object>[] => {
      const { signal } = new AbortController();
      const token = CancellationToken.from(signal);
      token.onCancel(callback);
      return [new WeakRef(signal), new WeakRef(token)];
    })();
    await collect();
    expect(weak.map((one) => one.deref())).toEqual([undefined, undefined]);
  });
});
