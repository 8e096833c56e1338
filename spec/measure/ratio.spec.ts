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

  it('lies within its interval in 19 of 20 runs at least, however many pairs there are', () => {
    for (let pairs = 10; pairs <= 1_000; pairs++) {
      const ranks = Array.from({ length: pairs }, (_, rank) => rank + 1);
      const { low, high } = ratiosOf(seen(ranks), seen(ranks.map(() => 1)))!.heard;
      // The median of all is outside when fewer than `low` of the pairs are below it, or fewer than that above: a fair coin,
      // thrown once for each pair.
      expect(low - 1).toBe(pairs - high);
      expect(2 * fewer(low, pairs)).toBeLessThanOrEqual(0.05);
      // Two ranks less would not do: the interval is hardly wider than it has to be.
      expect(2 * fewer(low + 2, pairs)).toBeGreaterThan(0.05);
    }
  });
});

/** The chance that of so many throws of a fair coin fewer than `count` show heads. */
function fewer(count: number, throws: number): number {
  let logChance = -throws * Math.LN2;
  let sum = 0;
  for (let heads = 0; heads < count; heads++) {
    sum += Math.exp(logChance);
    logChance += Math.log(throws - heads) - Math.log(heads + 1);
  }
  return sum;
}
