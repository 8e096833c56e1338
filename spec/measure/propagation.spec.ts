import { describe, expect, it } from 'vitest';
import { summaryOf } from '../../lib/measure/propagation.ts';

const all = (ms: number) => ({ p50: ms, p90: ms, p99: ms, max: ms });

describe('the summary of many cancels', () => {
  it('has for each hop when its token was cancelled, and when the last handler of all had stopped', () => {
    const round = { heard: [1, 2], stopped: [5, 3] };
    expect(summaryOf(['A', 'B'], [round, round], 7)).toEqual({
      hops: 2,
      cancels: 2,
      warmup: 7,
      token: [
        { hop: 'A', quantiles: all(1) },
        { hop: 'B', quantiles: all(2) },
      ],
      stopped: all(5),
      misses: 0,
      zombies: 0,
    });
  });

  it('counts a cancel that has not come through as a miss, and keeps it out of the figures', () => {
    const summary = summaryOf(['A', 'B'], [{ heard: [1, null], stopped: [2, null] }], 0);
    expect(summary).toMatchObject({ misses: 1, zombies: 0, stopped: null });
    expect(summary.token).toEqual([
      { hop: 'A', quantiles: all(1) },
      { hop: 'B', quantiles: null },
    ]);
  });

  it('counts each handler that heard and ran on as a zombie', () => {
    const rounds = [
      { heard: [1, 2], stopped: [null, null] },
      { heard: [1, 2], stopped: [3, null] },
    ];
    expect(summaryOf(['A', 'B'], rounds, 0)).toMatchObject({ misses: 0, zombies: 3, stopped: null });
  });
});
