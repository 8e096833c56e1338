import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, type Snapshot, snapshot } from '../../lib/core/index.ts';
import { FakeClock } from './support/fake-clock.ts';

describe('a snapshot', () => {
  it('shows a token and all that is linked below it', () => {
    using _ = new FakeClock(0);
    const root = new CancellationSource({ name: 'root' });
    const child = root.token.child({ name: 'child', timeout: 30 });
    const leaf = child.token.child({ name: 'leaf', timeout: 50 });
    leaf.token.onCancel(() => undefined);
    leaf.token.onCancel(() => undefined);
    expect(root.token.signal.aborted).toBe(false);
    const blank = { state: 'live', reason: undefined, signal: false, callbacks: 0, children: [] };
    expect(snapshot(root.token)).toEqual({
      ...blank,
      name: 'root',
      deadline: Number.POSITIVE_INFINITY,
      signal: true,
      children: [
        {
          ...blank,
          name: 'child',
          deadline: 30,
          children: [{ ...blank, name: 'leaf', deadline: 30, callbacks: 2 }],
        },
      ],
    });
    root.close();
    child.close();
    leaf.close();
  });

  it('tells the state and the reason', () => {
    const [cancelled, closed] = [new CancellationSource(), new CancellationSource()];
    cancelled.cancel('SHUTDOWN');
    closed.close();
    expect([snapshot(cancelled.token), snapshot(closed.token)]).toMatchObject([
      { state: 'cancelled', reason: 'SHUTDOWN' },
      { state: 'closed', reason: undefined },
    ]);
  });

  it('is frozen all the way down, and changes nothing', () => {
    const root = new CancellationSource();
    root.token.child().token.onCancel(() => undefined);
    const picture = snapshot(root.token);
    for (const one of [picture, picture.children, picture.children[0], picture.children[0]!.children]) {
      expect(Object.isFrozen(one)).toBe(true);
    }
    expect(snapshot(root.token)).toEqual(picture);
    expect(snapshot(root.token)).not.toBe(picture);
    expect(picture.signal).toBe(false);
  });

  it('shows a token of several parents below each of them, as the same object', () => {
    using _ = new FakeClock(0);
    const root = new CancellationSource();
    const [left, right] = [root.token.child({ timeout: 20 }), root.token.child({ timeout: 10 })];
    CancellationToken.any(left.token, right.token)
      .child({ name: 'bottom' })
      .token.onCancel(() => undefined);
    CancellationToken.all(left.token, right.token).onCancel(() => undefined);
    const [one, two] = snapshot(root.token).children as [Snapshot, Snapshot];
    expect(one.children).toHaveLength(2);
    expect(two.children.map((child, i) => child === one.children[i])).toEqual([true, true]);
    expect(one.children[0]!.children.map(({ name, deadline }) => [name, deadline])).toEqual([['bottom', 10]]);
    expect(one.children[1]).toMatchObject({ callbacks: 1, deadline: 20 });
    left.close();
    right.close();
  });

  it('shows the last deadline of the parents of a token that waits for all of them, whichever of them it is seen below', () => {
    using _ = new FakeClock(0);
    const root = new CancellationSource();
    const [soon, late] = [root.token.child({ timeout: 10 }), root.token.child({ timeout: 20 })];
    CancellationToken.all(soon.token, late.token).onCancel(() => undefined);
    const deadlines = snapshot(root.token).children.map(({ children: [all] }) => all?.deadline);
    expect(deadlines).toEqual([20, 20]);
    soon.close();
    late.close();
  });

  it('of a graph in which many ways lead to the same token takes each picture once', () => {
    const [one, two] = [new CancellationSource(), new CancellationSource()];
    let [left, right] = [one.token, two.token];
    for (let i = 0; i < 60; i++)
      [left, right] = [CancellationToken.any(left, right), CancellationToken.all(right, left)];
    left.onCancel(() => undefined);
    right.onCancel(() => undefined);
    let levels = 0;
    for (let at = [snapshot(one.token)]; at[0] !== undefined; at = [...at[0].children]) levels++;
    expect(levels).toBe(61);
  });
});
