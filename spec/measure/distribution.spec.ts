import { describe, expect, it } from 'vitest';
import { axisOf, bins, place, rowsOf, ticks } from '../../lib/measure/distribution.ts';

const seen = {
  hops: ['A', 'B'],
  rounds: [
    { early: false, arrived: [true, true], heard: [1, 2], stopped: [3, 4] },
    { early: false, arrived: [true, true], heard: [1, null], stopped: [3, null] },
  ],
  spared: 0,
  falseCancels: 0,
};

describe('the rows of a run', () => {
  it('are its hops, the last handler, and the far end of the floor', () => {
    const floor = { ...seen, rounds: [{ early: false, arrived: [true, true], heard: [0.1, 0.2], stopped: [1, 1] }] };
    expect(rowsOf(seen, floor)).toEqual([
      { name: 'A', figures: [1, 1], floor: false },
      { name: 'B', figures: [2], floor: false },
      { name: 'stopped', figures: [4], floor: false },
      { name: 'floor', figures: [0.2], floor: true },
    ]);
    expect(rowsOf(seen, undefined)).toHaveLength(3);
  });
});

describe('a logarithmic axis', () => {
  const axis = { fromMs: 0.1, toMs: 10 };

  it('has the same room for each power of ten', () => {
    expect([0.1, 1, 10].map((ms) => place(axis, ms))).toEqual([0, 0.5, 1]);
    expect([0.01, 100].map((ms) => place(axis, ms))).toEqual([0, 1]);
  });

  it('has room for all figures', () => {
    const rows = rowsOf(seen, undefined);
    const { fromMs, toMs } = axisOf(rows)!;
    expect(fromMs).toBeLessThan(1);
    expect(toMs).toBeGreaterThan(4);
    expect(axisOf([])).toBeUndefined();
    expect(axisOf([{ name: 'A', figures: [0, -1], floor: false }])?.fromMs).toBeGreaterThan(0);
  });

  it('loses no figure between its bins', () => {
    expect(bins(axis, [0.1, 0.11, 1, 9.9, 10, 50, 0.001], 4)).toEqual([3, 0, 1, 3]);
  });

  it('is marked at powers of ten, and between them where there are few', () => {
    expect(ticks({ fromMs: 0.05, toMs: 20 })).toEqual([0.1, 1, 10]);
    expect(ticks({ fromMs: 0.4, toMs: 6 })).toEqual([0.5, 1, 2, 5]);
  });
});
