import { describe, expect, it } from 'vitest';
import type { Seen } from '../../lib/measure/contest.ts';
import { summaryOf } from '../../lib/measure/summary.ts';

const all = (ms: number) => ({ p50: ms, p90: ms, p99: ms, max: ms });

const seen = (rounds: Seen['rounds']): Seen => ({ hops: ['A', 'B'], rounds, spared: 7, falseCancels: 1 });
const both = [true, true];

describe('the summary of many cancels', () => {
  it('has for each hop when its token was cancelled, and when the last handler of all had stopped', () => {
    const round = { early: false, arrived: both, heard: [1, 2], stopped: [5, 3] };
    expect(summaryOf(seen([round, round]))).toEqual({
      cancels: 2,
      token: [
        { hop: 'A', quantiles: all(1) },
        { hop: 'B', quantiles: all(2) },
      ],
      stopped: all(5),
      early: 0,
      misses: 0,
      zombies: 0,
      unstarted: 0,
      spared: 7,
      falseCancels: 1,
    });
  });

  it('counts a cancel that has not come through as a miss, and keeps it out of the figures', () => {
    const summary = summaryOf(seen([{ early: false, arrived: both, heard: [1, null], stopped: [2, null] }]));
    expect(summary).toMatchObject({ misses: 1, zombies: 0, unstarted: 0, stopped: null });
    expect(summary.token).toEqual([
      { hop: 'A', quantiles: all(1) },
      { hop: 'B', quantiles: null },
    ]);
  });

  it('counts each handler that heard and ran on as a zombie', () => {
    const rounds = [
      { early: false, arrived: both, heard: [1, 2], stopped: [null, null] },
      { early: false, arrived: both, heard: [1, 2], stopped: [3, null] },
    ];
    expect(summaryOf(seen(rounds))).toMatchObject({ misses: 0, zombies: 3, stopped: null });
  });

  it('takes a cancel that was there before the call for no miss: there was nothing to be heard', () => {
    const rounds = [
      { early: false, arrived: [true, false], heard: [1, null], stopped: [2, null] },
      { early: false, arrived: [false, false], heard: [null, null], stopped: [null, null] },
    ];
    expect(summaryOf(seen(rounds))).toMatchObject({ misses: 0, unstarted: 2, stopped: all(2) });
  });

  it('keeps a call that had ended before its cancel out of all other counts', () => {
    const rounds = [{ early: true, arrived: [false, false], heard: [null, null], stopped: [null, null] }];
    expect(summaryOf(seen(rounds))).toMatchObject({ early: 1, misses: 0, zombies: 0, unstarted: 0, stopped: null });
  });

  it('counts a hop that had the call and never heard as a miss, also where the last one never had it', () => {
    const rounds = [{ early: false, arrived: [true, false], heard: [null, null], stopped: [null, null] }];
    expect(summaryOf(seen(rounds))).toMatchObject({ misses: 1, unstarted: 1 });
  });
});
