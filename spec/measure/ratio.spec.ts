import { describe, expect, it } from 'vitest';
import type { Seen } from '../../lib/measure/contest.ts';
import { ratiosOf } from '../../lib/measure/ratio.ts';

/** Rounds of one hop that hears after so many milliseconds, and whose handler has stopped after twice as many. */
const seen = (heard: readonly (number | null)[]): Seen => ({
  hops: ['A'],
  rounds: heard.map((ms) => ({ early: false, arrived: [true], heard: [ms], stopped: [ms === null ? null : 2 * ms] })),
  spared: 0,
  falseCancels: 0,
});

describe('the ratio to the floor', () => {
  it('is the middle one of the pairs', () => {
    const floor = Array.from({ length: 21 }, (_, index) => 1 + index);
    const ours = floor.map((ms, index) => ms * (index < 10 ? 2 : index === 10 ? 3 : 4));
    expect(ratiosOf(seen(ours), seen(floor))?.heard.ratio).toBe(3);
    expect(ratiosOf(seen(ours), seen(floor))?.stopped.ratio).toBe(3);
  });

  it('is not moved by a machine that slows down: both of a pair are as slow', () => {
    const pace = Array.from({ length: 40 }, (_, index) => (index < 20 ? 1 : 50));
    const [ours, floor] = [pace.map((ms) => 3 * ms), pace];
    expect(ratiosOf(seen(ours), seen(floor))?.heard).toEqual({ ratio: 3, low: 3, high: 3 });
  });

  it('leaves out a pair of which one was never heard of', () => {
    const floor = [null, ...new Array<number>(20).fill(1)];
    const ours = [9, null, ...new Array<number>(19).fill(2)];
    expect(ratiosOf(seen(ours), seen(floor))?.heard).toEqual({ ratio: 2, low: 2, high: 2 });
  });

  it('is none where too few pairs are left', () => {
    expect(ratiosOf(seen(new Array(9).fill(2)), seen(new Array(9).fill(1)))).toBeUndefined();
    expect(ratiosOf(seen(new Array(30).fill(null)), seen(new Array(30).fill(1)))).toBeUndefined();
  });

  it('lies within its interval in 19 of 20 runs', () => {
    // A fixed seed: a law about chance holds for these draws, or does not.
    let state = 7;
    const draw = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return 1 + state / 2 ** 32;
    };
    const hits = Array.from({ length: 1_000 }, () => {
      const ours = Array.from({ length: 101 }, draw);
      const { low, high } = ratiosOf(seen(ours), seen(ours.map(() => 1)))!.heard;
      return low <= 1.5 && 1.5 <= high;
    }).filter(Boolean);
    expect(hits.length).toBeGreaterThan(930);
    expect(hits.length).toBeLessThan(980);
  });
});
