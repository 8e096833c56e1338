import { describe, expect, it } from 'vitest';
import { worse } from '../../lib/measure/gate.ts';
import type { Propagation } from '../../lib/measure/summary.ts';

const good: Propagation = {
  cancels: 200,
  token: [
    { hop: 'A', quantiles: null },
    { hop: 'C', quantiles: null },
  ],
  stopped: null,
  early: 0,
  misses: 0,
  zombies: 0,
  unstarted: 0,
  spared: 20,
  falseCancels: 0,
};
const ratios = { heard: { ratio: 2, low: 1.9, high: 2.1 }, stopped: { ratio: 2.5, low: 2.4, high: 2.6 } };
const held = { heard: 1.5, stopped: 2.5 };

describe('the gate', () => {
  it('is open for a run without limits that lost nothing', () => {
    expect(worse(good, ratios, { tolerance: 0 })).toEqual([]);
    expect(worse(good, undefined, { tolerance: 0 })).toEqual([]);
  });

  it.each([
    [{ misses: 2 }, '2 of 200 cancels never arrived'],
    [{ early: 2 }, '2 of 200 calls had ended before they were cancelled'],
    [{ zombies: 1 }, '1 handler ran on after a cancel'],
    [{ zombies: 3 }, '3 handlers ran on after a cancel'],
    [{ falseCancels: 1 }, '1 of 20 calls that nobody cancelled came to an early end'],
  ])('is shut by %j whatever the limits', (fault, sentence) => {
    expect(worse({ ...good, ...fault }, undefined, { tolerance: 9 })).toEqual([sentence]);
  });

  it('is shut by a ratio above the budget with all of its interval, and by no other', () => {
    expect(worse(good, ratios, { budget: 1.89, tolerance: 0 })).toEqual([
      "C's token cancelled at 2.00x the floor (1.90–2.10), the budget is 1.89x",
    ]);
    expect(worse(good, ratios, { budget: 1.9, tolerance: 0 })).toEqual([]);
  });

  it('is shut by each ratio that is above its baseline by more than the tolerance', () => {
    expect(worse(good, ratios, { baseline: held, tolerance: 0.2 })).toEqual([
      "C's token cancelled at 2.00x the floor (1.90–2.10), 1.50x + 20 % allowed",
    ]);
    expect(worse(good, ratios, { baseline: { ...held, stopped: 1 }, tolerance: 0.3 })).toEqual([
      'last handler stopped at 2.50x the floor (2.40–2.60), 1.00x + 30 % allowed',
    ]);
    expect(worse(good, ratios, { baseline: held, tolerance: 0.3 })).toEqual([]);
  });
});
