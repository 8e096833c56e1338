import { describe, expect, it } from 'vitest';
import { callReport } from '../../lib/cli/report.ts';
import type { Visit } from '../../lib/measure/index.ts';

const visit: Visit = {
  hop: 'C',
  call: '1',
  arrivedAt: 1_080.0004,
  budgetMs: 9_920.25,
  reason: 'CANCELLED',
  heardAt: 1_201.25,
  leftMs: 9_799.123_456,
  stoppedAt: 1_202.5,
  outcome: 'stopped',
  steps: 30,
  doneAt: [1_130, 1_180],
};

describe('the report of a call', () => {
  it('counts arrival from the start, hearing and stopping from the event, to microseconds', () => {
    expect(callReport([visit], 1_000, 1_200)).toEqual({
      eventMs: 200,
      hops: [
        {
          hop: 'C',
          reason: 'CANCELLED',
          outcome: 'stopped',
          arrivedMs: 80,
          heardMs: 1.25,
          stoppedMs: 2.5,
          budgetMs: 9_920.25,
          leftMs: 9_799.123,
          steps: { of: 30, done: 2, saved: 28, lost: 0 },
        },
      ],
    });
  });

  it('takes steps done after the event for lost', () => {
    const { hops } = callReport([{ ...visit, doneAt: [1_130, 1_180, 1_230, 1_280] }], 1_000, 1_200);
    expect(hops[0]?.steps).toEqual({ of: 30, done: 4, saved: 26, lost: 2 });
  });

  it('counts from the start where nothing has happened, and takes nothing for lost', () => {
    const calm = { ...visit, reason: null, heardAt: null, leftMs: null, budgetMs: null, outcome: 'answered' } as const;
    const { eventMs, hops } = callReport([calm], 1_000, null);
    expect(eventMs).toBeNull();
    expect(hops[0]).toMatchObject({ heardMs: null, stoppedMs: 202.5, leftMs: null, budgetMs: null });
    expect(hops[0]?.steps.lost).toBe(0);
  });
});
