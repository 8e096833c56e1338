import { describe, expect, it } from 'vitest';
import {
  CancellationSource,
  CancellationToken,
  clock as coreClock,
  pendingAlarms,
  setClock,
  snapshot,
  tellDeadline,
} from '../../lib/core/index.ts';
import { FakeClock } from './support/fake-clock.ts';

describe('a deadline', () => {
  it('S0-04: walks the same path as a cancel, in the same order; only the reason differs', () => {
    const paths = [
      (source: CancellationSource, _: FakeClock) => source.cancel('TIMEOUT'),
      (source: CancellationSource, clock: FakeClock) => {
        source.cancelAfter(10);
        clock.advance(10);
      },
    ].map((cancel) => {
      using clock = new FakeClock();
      const source = new CancellationSource();
      const child = source.token.child();
      const log: string[] = [];
      for (const [name, { token }] of Object.entries({ source, child })) {
        token.signal.addEventListener('abort', () => log.push(`${name} signal`));
        token.onCancel((error) => log.push(`${name} ${error.name} ${error.reason}`));
      }
      cancel(source, clock);
      return [...log, source.token.error === child.token.error];
    });
    expect(paths[0]).toHaveLength(5);
    expect(paths[1]).toEqual(paths[0]);
  });

  it('comes when its time has come, and not a moment before', () => {
    using clock = new FakeClock();
    const { token } = new CancellationSource({ timeout: 10 });
    clock.advance(9.999);
    expect([token.cancelled, token.remaining()]).toEqual([false, expect.closeTo(0.001)]);
    clock.advance(0.001);
    expect([token.cancelled, token.reason, token.error?.name]).toEqual([true, 'TIMEOUT', 'TimeoutError']);
  });

  it('comes by itself: a callback hears it without a poll', () => {
    using clock = new FakeClock();
    const log: string[] = [];
    new CancellationSource({ timeout: 10 }).token.onCancel(({ reason }) => log.push(reason));
    CancellationToken.timeout(20).onCancel(({ reason }) => log.push(reason));
    clock.advance(10);
    expect(log).toEqual(['TIMEOUT']);
    clock.advance(10);
    expect(log).toEqual(['TIMEOUT', 'TIMEOUT']);
  });

  it.each([0, -1, -0, Number.NEGATIVE_INFINITY])('E21: a timeout of %d cancels before it returns', (timeout) => {
    using clock = new FakeClock();
    const source = new CancellationSource();
    source.cancelAfter(timeout);
    const tokens = [
      source.token,
      new CancellationSource({ timeout }).token,
      new CancellationSource().token.child({ timeout }).token,
      CancellationToken.timeout(timeout),
    ];
    expect(tokens.map(({ reason }) => reason)).toEqual(Array(4).fill('TIMEOUT'));
    expect([clock.armed, pendingAlarms()]).toEqual([0, 0]);
  });

  it('E21: one from before the clock’s own beginning is past like any other', () => {
    using clock = new FakeClock(0);
    for (const deadline of [clock.now() - 5_000, -0.001, Number.NEGATIVE_INFINITY]) {
      expect(new CancellationSource({ deadline }).token.reason).toBe('TIMEOUT');
      expect(new CancellationSource().token.child({ deadline }).token.reason).toBe('TIMEOUT');
    }
  });

  it('E21: a deadline that is past or now cancels before it returns', () => {
    using clock = new FakeClock(500);
    for (const deadline of [0, 499, 500]) {
      expect(new CancellationSource({ deadline }).token.reason).toBe('TIMEOUT');
    }
    expect(new CancellationSource({ deadline: 500.5 }).token.cancelled).toBe(false);
    clock.advance(1);
  });

  it('E21: Infinity is none', () => {
    using clock = new FakeClock();
    const source = new CancellationSource({ timeout: Number.POSITIVE_INFINITY, deadline: Number.POSITIVE_INFINITY });
    source.cancelAfter(Number.POSITIVE_INFINITY);
    expect(source.token.deadline).toBe(Number.POSITIVE_INFINITY);
    expect(source.token.remaining()).toBe(Number.POSITIVE_INFINITY);
    expect(CancellationToken.timeout(Number.POSITIVE_INFINITY)).toBe(CancellationToken.none);
    expect([clock.armed, pendingAlarms()]).toEqual([0, 0]);
  });

  it('of a timeout and a deadline the earlier counts', () => {
    using _ = new FakeClock(0);
    expect(new CancellationSource({ timeout: 10, deadline: 20 }).token.deadline).toBe(10);
    expect(new CancellationSource({ timeout: 20, deadline: 10 }).token.deadline).toBe(10);
    expect(new CancellationSource({ timeout: -5, deadline: 10 }).token.reason).toBe('TIMEOUT');
  });

  it('S0-10: of a token that was cancelled before reads as not yet reached', () => {
    using clock = new FakeClock(0);
    const source = new CancellationSource({ timeout: 10_000 });
    clock.advance(200);
    source.cancel();
    expect([source.token.reason, source.token.deadline, source.token.remaining()]).toEqual([
      'CANCELLED',
      10_000,
      9_800,
    ]);
  });

  it('S0-24: whichever comes first wins, and the loser is disarmed', () => {
    using clock = new FakeClock();
    const source = new CancellationSource({ timeout: 10 });
    source.cancel('SHUTDOWN');
    expect(pendingAlarms()).toBe(0);
    clock.advance(100);
    expect(source.token.reason).toBe('SHUTDOWN');
    const timed = new CancellationSource({ timeout: 10 });
    clock.advance(10);
    expect([timed.cancel(), timed.token.reason]).toEqual([false, 'TIMEOUT']);
    expect(clock.timers).toBe(0);
  });

  it('goes with a close', () => {
    using clock = new FakeClock();
    const source = new CancellationSource({ timeout: 10 });
    source.token.onCancel(() => expect.unreachable());
    source.close();
    expect([pendingAlarms(), source.token.deadline]).toEqual([0, Number.POSITIVE_INFINITY]);
    clock.advance(100);
    expect(source.token.cancelled).toBe(false);
  });

  it('goes with the cancel of a parent, at once', () => {
    using clock = new FakeClock();
    const root = new CancellationSource();
    const child = root.token.child({ timeout: 10 });
    expect(pendingAlarms()).toBe(1);
    root.cancel('SHUTDOWN');
    expect(pendingAlarms()).toBe(0);
    clock.advance(100);
    expect(child.token.reason).toBe('SHUTDOWN');
  });

  it('of a child leaves its parent alone, and the child leaves the parent', () => {
    using clock = new FakeClock();
    const root = new CancellationSource();
    root.token.child({ timeout: 10 });
    expect(snapshot(root.token).children).toHaveLength(1);
    clock.advance(10);
    expect(snapshot(root.token).children).toEqual([]);
    expect(root.token.cancelled).toBe(false);
  });

  it('E20: equal to that of an ancestor is the ancestor’s, whichever was set first', () => {
    using clock = new FakeClock(0);
    for (const parentFirst of [true, false]) {
      const root = new CancellationSource();
      const middle = root.token.child();
      const leaf = middle.token.child();
      const at = coreClock.now() + 10;
      for (const source of parentFirst ? [root, leaf] : [leaf, root]) source.cancelAfter(at - coreClock.now());
      const order: string[] = [];
      for (const [name, { token }] of Object.entries({ leaf, middle, root })) token.onCancel(() => order.push(name));
      clock.advance(10);
      expect(order).toEqual(['root', 'middle', 'leaf']);
      expect(new Set([root, middle, leaf].map(({ token }) => token.error)).size).toBe(1);
      expect(pendingAlarms()).toBe(0);
    }
  });

  it('of a later parent does not answer for an earlier child', () => {
    using clock = new FakeClock();
    const root = new CancellationSource({ timeout: 20 });
    const child = root.token.child({ timeout: 10 });
    clock.advance(10);
    expect([root.token.cancelled, child.token.cancelled]).toEqual([false, true]);
    clock.advance(10);
    expect(root.token.error).not.toBe(child.token.error);
  });

  it('of a parent that closed, or was cancelled, answers for nobody', () => {
    using clock = new FakeClock();
    const root = new CancellationSource({ timeout: 10 });
    const child = root.token.child({ timeout: 10 });
    root.close();
    clock.advance(10);
    expect([root.token.cancelled, child.token.reason]).toEqual([false, 'TIMEOUT']);
  });
});

describe('cancelAfter', () => {
  it('replaces the deadline that was, to earlier and to later', () => {
    using clock = new FakeClock(0);
    const source = new CancellationSource({ timeout: 100 });
    source.cancelAfter(10);
    expect(source.token.deadline).toBe(10);
    clock.advance(9);
    source.cancelAfter(50);
    expect([source.token.deadline, pendingAlarms()]).toEqual([59, 1]);
    clock.advance(49);
    expect(source.token.cancelled).toBe(false);
    clock.advance(1);
    expect(source.token.reason).toBe('TIMEOUT');
  });

  it('takes the deadline away with Infinity', () => {
    using clock = new FakeClock();
    const source = new CancellationSource({ timeout: 10 });
    source.cancelAfter(Number.POSITIVE_INFINITY);
    clock.advance(1e9);
    expect([source.token.cancelled, source.token.deadline, pendingAlarms()]).toEqual([
      false,
      Number.POSITIVE_INFINITY,
      0,
    ]);
  });

  it('given to a token that is listened to leaves its place among its siblings as it was', () => {
    using clock = new FakeClock();
    const root = new CancellationSource();
    const children = ['first', 'second', 'third'].map((name) => ({ name, source: root.token.child() }));
    const log: string[] = [];
    for (const { name, source } of children) source.token.onCancel(({ reason }) => log.push(`${name} ${reason}`));
    for (const { source } of children.toReversed()) source.cancelAfter(50);
    clock.advance(10);
    root.cancel('SHUTDOWN');
    expect(log).toEqual(['first SHUTDOWN', 'second SHUTDOWN', 'third SHUTDOWN']);
  });

  it('keeps a token linked that has callbacks besides', () => {
    using _ = new FakeClock();
    const root = new CancellationSource();
    const child = root.token.child({ timeout: 10 });
    child.token.onCancel(() => undefined);
    child.cancelAfter(Number.POSITIVE_INFINITY);
    expect(snapshot(root.token).children).toHaveLength(1);
  });

  it('does nothing once decided', () => {
    using clock = new FakeClock(0);
    const source = new CancellationSource({ timeout: 10 });
    source.cancel('SHUTDOWN');
    source.cancelAfter(0);
    source.cancelAfter(5);
    expect([source.token.reason, source.token.deadline, pendingAlarms()]).toEqual(['SHUTDOWN', 10, 0]);
    const closed = new CancellationSource();
    closed.close();
    closed.cancelAfter(0);
    closed.cancelAfter(5);
    expect([closed.token.cancelled, pendingAlarms()]).toEqual([false, 0]);
    clock.advance(100);
  });

  it('cannot lengthen the deadline of a parent', () => {
    using clock = new FakeClock(0);
    const child = new CancellationSource({ timeout: 10 }).token.child();
    child.cancelAfter(100);
    expect(child.token.deadline).toBe(10);
    clock.advance(10);
    expect(child.token.reason).toBe('TIMEOUT');
  });
});

describe('the rest of the time', () => {
  it('is never below 0', () => {
    using clock = new FakeClock(0);
    const { token } = new CancellationSource({ timeout: 10 });
    clock.advance(25);
    expect(token.remaining()).toBe(0);
  });

  it('T-14: a step of the wall clock changes nothing', () => {
    const { now } = Date;
    try {
      const source = new CancellationSource({ timeout: 1e6 });
      const { deadline } = source.token;
      for (const day of [-86_400_000, 86_400_000]) {
        Date.now = () => now() + day;
        expect(source.token.deadline).toBe(deadline);
        expect(source.token.remaining()).toBeGreaterThan(9e5);
        expect(source.token.cancelled).toBe(false);
      }
      source.close();
    } finally {
      Date.now = now;
    }
  });
});

describe('a clock that is swapped', () => {
  it('takes over the deadlines that wait', () => {
    using clock = new FakeClock(0);
    const { token } = new CancellationSource({ timeout: 10 });
    const restore = setClock({ now: () => 9, after: () => () => undefined });
    expect(token.remaining()).toBe(1);
    restore();
    expect(clock.timers).toBe(1);
    clock.advance(10);
    expect(token.cancelled).toBe(true);
  });

  it('rings what is due on the new one', () => {
    using early = new FakeClock(0);
    const { token } = new CancellationSource({ timeout: 10 });
    using late = new FakeClock(1_000);
    expect([token.remaining(), early.timers, late.timers]).toEqual([0, 0, 1]);
    late.advance(0);
    expect(token.reason).toBe('TIMEOUT');
  });

  it('arms nothing when nothing waits', () => {
    using clock = new FakeClock();
    new CancellationSource();
    expect(clock.armed).toBe(0);
  });
});

describe('a deadline that is told', () => {
  it('is read, by descendants too, and cancels nothing; one that is set takes its place', () => {
    using clock = new FakeClock();
    const source = new CancellationSource();
    const child = source.token.child({ timeout: 20 });
    const alarms = pendingAlarms();
    tellDeadline(source, coreClock.now() + 10);
    child.token.onCancel(() => undefined);
    expect([source.token.remaining(), child.token.remaining(), pendingAlarms()]).toEqual([10, 10, alarms]);
    clock.advance(15);
    expect([source.token.remaining(), source.token.cancelled]).toEqual([0, false]);
    clock.advance(5);
    // Nor does it answer for a child whose own deadline has come.
    expect([child.token.reason, source.token.reason]).toEqual(['TIMEOUT', undefined]);
    source.cancelAfter(5);
    expect(source.token.remaining()).toBe(5);
    clock.advance(5);
    expect(source.token.reason).toBe('TIMEOUT');
  });

  it('is told by a source alone', () => {
    for (const none of [{}, { token: new CancellationSource().token }, new CancellationSource().token])
      expect(() => tellDeadline(none as CancellationSource, 10)).toThrow(TypeError);
  });
});
