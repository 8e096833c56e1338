import { execFileSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clock, setClock } from '../../lib/core/index.ts';

const LONGEST = 2 ** 31 - 1;

describe('the clock', () => {
  it('is monotonic: it stands on performance.now()', () => {
    const before = performance.now();
    const now = clock.now();
    expect(now).toBeGreaterThanOrEqual(before);
    expect(performance.now()).toBeGreaterThanOrEqual(now);
  });

  it('can be swapped, and be put back', () => {
    const log: string[] = [];
    const restore = setClock({
      now: () => 42,
      after: (ms) => {
        log.push(`after ${ms}`);
        return () => log.push('back');
      },
    });
    expect(clock.now()).toBe(42);
    clock.after(7, () => undefined)();
    restore();
    expect(clock.now()).not.toBe(42);
    expect(log).toEqual(['after 7', 'back']);
  });
});

describe('the clock alone', () => {
  it('is swapped though nobody waits for that', async () => {
    vi.resetModules();
    const alone: typeof import('../../lib/core/clock.ts') = await import('../../lib/core/clock.ts');
    const restore = alone.setClock({ now: () => 7, after: () => () => undefined });
    expect(alone.clock.now()).toBe(7);
    restore();
    expect(alone.clock.now()).not.toBe(7);
  });
});

describe('a timer of the platform', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    [0, 1],
    [0.2, 1],
    [1, 1],
    [1.2, 2],
    [LONGEST, LONGEST],
    [LONGEST + 1, LONGEST + 1],
    [3 * LONGEST + 5, 3 * LONGEST + 5],
  ])('of %d ms fires after %d ms, once, and never early', (ms, due) => {
    let fired = 0;
    clock.after(ms, () => fired++);
    vi.advanceTimersByTime(due - 1);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(1);
    expect(fired).toBe(1);
    vi.advanceTimersByTime(LONGEST);
    expect(fired).toBe(1);
  });

  it('P8: asks the platform for no wait that it would cut short', () => {
    const waits: unknown[] = [];
    const { setTimeout } = globalThis;
    vi.stubGlobal('setTimeout', (fn: () => void, ms: number) => {
      waits.push(ms);
      return setTimeout(fn, ms);
    });
    clock.after(2.5 * LONGEST, () => undefined);
    vi.advanceTimersByTime(3 * LONGEST);
    vi.unstubAllGlobals();
    expect(waits).toEqual([LONGEST, LONGEST, Math.ceil(LONGEST / 2)]);
  });

  it('is taken back, also after the first stretch of a long wait', () => {
    const back = clock.after(2 * LONGEST, () => expect.unreachable());
    vi.advanceTimersByTime(LONGEST + 1);
    back();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(2 * LONGEST);
  });

  it('works where timers are numbers, as in a browser', () => {
    const cleared: unknown[] = [];
    vi.stubGlobal('setTimeout', () => 7);
    vi.stubGlobal('clearTimeout', (timer: unknown) => cleared.push(timer));
    clock.after(10, () => undefined)();
    vi.unstubAllGlobals();
    expect(cleared).toEqual([7]);
  });
});

describe('the time', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('is measured by whatever the timers in place go by', () => {
    vi.stubGlobal('performance', { now: () => 7 });
    expect(clock.now()).not.toBe(7);
    vi.stubGlobal('setTimeout', () => undefined);
    expect(clock.now()).toBe(7);
  });
});

describe('a process', () => {
  it('S0-24: is not kept alive by a deadline', () => {
    const core = new URL('../../dist/core/index.js', import.meta.url).href;
    const program = `import { CancellationSource } from '${core}'; new CancellationSource({ timeout: 1e9 });`;
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });
  });
});
