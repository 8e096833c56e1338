import { describe, expect, it } from 'vitest';
import { CancellationSource, clock as coreClock } from '../../lib/core/index.ts';
import { checkpoint, run, sleep, suspendForever } from '../../lib/task/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';

describe('fakeClock', () => {
  it('stands in place of the clock until it is disposed of, twice if need be', () => {
    const before = coreClock.now();
    {
      using outer = fakeClock();
      outer.advance(5);
      {
        using inner = fakeClock();
        inner.advance(7);
        expect([coreClock.now(), inner.now]).toEqual([7, 7]);
        inner[Symbol.dispose]();
        inner[Symbol.dispose]();
        expect(coreClock.now()).toBe(5);
      }
      expect(coreClock.now()).toBe(5);
    }
    expect(coreClock.now()).toBeGreaterThanOrEqual(before);
  });

  it('disposed of under another one leaves that in place, and comes back no more', () => {
    const [bottom, middle, top] = [fakeClock(), fakeClock(), fakeClock()];
    bottom.advance(3);
    top.advance(7);
    middle[Symbol.dispose]();
    expect(coreClock.now()).toBe(7);
    top[Symbol.dispose]();
    expect(coreClock.now()).toBe(3);
    const upper = fakeClock();
    bottom[Symbol.dispose]();
    upper[Symbol.dispose]();
    expect(coreClock.now()).toBeGreaterThan(7);
  });

  it('drives deadlines, in the order of their times', () => {
    using clock = fakeClock();
    const log: string[] = [];
    for (const ms of [30, 10, 20]) {
      new CancellationSource({ timeout: ms }).token.onCancel(() => log.push(`${ms} at ${clock.now}`));
    }
    clock.advance(9);
    expect(log).toEqual([]);
    clock.advance(21);
    expect(log).toEqual(['10 at 10', '20 at 20', '30 at 30']);
  });

  it('drives what is set while time passes, also by promise reactions when it is awaited', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const times: number[] = [];
    const loop = run(
      async (token) => {
        for (;;) {
          await sleep(10, token);
          times.push(clock.now);
        }
      },
      { token: source.token },
    );
    await clock.advanceAsync(35);
    source.cancel();
    await loop;
    expect([times, clock.now]).toEqual([[10, 20, 30], 35]);
    coreClock.after(1, () => coreClock.after(1, () => times.push(clock.now)));
    clock.advance(2);
    expect(times.at(-1)).toBe(37);
  });

  it('drives limits: graces and checkpoints', async () => {
    using clock = fakeClock();
    const running = run(() => new Promise(() => undefined), { graceMs: 10 });
    running.cancel();
    await clock.advanceAsync(10);
    expect((await running).suppressed).toHaveLength(1);
    const source = new CancellationSource();
    while (checkpoint(source.token) === undefined) clock.advance(5);
  });

  it('counts the timers that wait', () => {
    using clock = fakeClock();
    const takeBack = coreClock.after(10, () => undefined);
    coreClock.after(5, () => undefined);
    expect(clock.pending).toBe(2);
    takeBack();
    takeBack();
    expect(clock.pending).toBe(1);
    clock.advance(5);
    expect(clock.pending).toBe(0);
  });

  it('advanced by 0 runs what is due now, and no more', () => {
    using clock = fakeClock();
    const log: string[] = [];
    coreClock.after(0, () => log.push('now'));
    coreClock.after(1, () => log.push('later'));
    clock.advance(0);
    expect(log).toEqual(['now']);
  });

  it.each(['advance', 'advanceAsync'] as const)(
    '%s runs all timers though one throws, and throws the first error',
    async (how) => {
      using clock = fakeClock();
      const log: string[] = [];
      const fail = (name: string) => () => {
        log.push(name);
        throw new Error(name);
      };
      coreClock.after(1, fail('one'));
      coreClock.after(2, fail('two'));
      await expect((async () => clock[how](3))()).rejects.toThrow('one');
      expect([log, clock.now]).toEqual([['one', 'two'], 3]);
    },
  );

  it('keeps the order of what is set for the same time', () => {
    using clock = fakeClock();
    const log: number[] = [];
    for (const i of [1, 2, 3]) coreClock.after(5, () => log.push(i));
    clock.advance(5);
    expect(log).toEqual([1, 2, 3]);
  });

  it('never goes back, though two let time pass at once', async () => {
    using clock = fakeClock();
    await Promise.all([clock.advanceAsync(100), clock.advanceAsync(50)]);
    expect(clock.now).toBe(100);
    coreClock.after(5, () => clock.advance(100));
    clock.advance(10);
    expect(clock.now).toBe(205);
  });

  it('a deadline set before it was put in place keeps its time, and does not ring by itself', () => {
    const source = new CancellationSource({ timeout: 1e6 });
    source.token.onCancel(() => undefined);
    using clock = fakeClock();
    expect(clock.pending).toBe(1);
    source.close();
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('refuses to advance by %s', async (ms) => {
    using clock = fakeClock();
    expect(() => clock.advance(ms)).toThrow(RangeError);
    await expect(clock.advanceAsync(ms)).rejects.toThrow(RangeError);
    expect(() => clock.advance('1' as never)).toThrow(TypeError);
  });

  it('tells a promise that has ended from one that waits without a sleep', async () => {
    using clock = fakeClock();
    const log: string[] = [];
    const source = new CancellationSource();
    void run(suspendForever, { token: source.token }).then(() => log.push('ended'));
    await clock.advanceAsync(0);
    expect(log).toEqual([]);
    source.cancel();
    await clock.advanceAsync(0);
    expect(log).toEqual(['ended']);
  });
});
