import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantilesOf } from '../../lib/measure/quantiles.ts';

describe('quantilesOf', () => {
  it('takes each by nearest rank, in whatever order the figures come', () => {
    const figures = Array.from({ length: 200 }, (_, index) => 200 - index);
    expect(quantilesOf(figures)).toEqual({ p50: 100, p90: 180, p99: 198, max: 200 });
    expect(quantilesOf(figures.slice(0, 70))?.p90).toBe(193);
    expect(quantilesOf([7])).toEqual({ p50: 7, p90: 7, p99: 7, max: 7 });
    expect(quantilesOf([2, 1])).toEqual({ p50: 1, p90: 2, p99: 2, max: 2 });
  });

  it('knows nothing of no figures', () => {
    expect(quantilesOf([])).toBeUndefined();
  });

  it('gives figures that were measured, and leaves at most its share of them above', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), (figures) => {
        const { p50, p90, p99, max } = quantilesOf(figures)!;
        for (const [percent, quantile] of [
          [50, p50] as const,
          [90, p90] as const,
          [99, p99] as const,
          [100, max] as const,
        ]) {
          expect(figures).toContain(quantile);
          const above = figures.filter((figure) => figure > quantile).length;
          expect(above * 100).toBeLessThanOrEqual((100 - percent) * figures.length);
        }
      }),
    );
  });
});
