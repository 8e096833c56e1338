import { describe, expect, it } from 'vitest';
import type { ActReport, HopReport } from '../../lib/cli/report.ts';
import { actStory, closing } from '../../lib/cli/story.ts';
import { duration, timeline } from '../../lib/cli/timeline.ts';

const canvas = { columns: 100, wholeMs: 1_660, paint: (_: string, text: string) => text };

const hop = (name: string, over: Partial<HopReport> = {}): HopReport => ({
  hop: name,
  reason: 'CANCELLED',
  outcome: 'stopped',
  arrivedMs: 1,
  heardMs: 0.612,
  stoppedMs: 0.951,
  budgetMs: 9_999.3,
  leftMs: 9_799,
  steps: { of: 2, done: 1, saved: 1, lost: 0 },
  ...over,
});

const act: ActReport = {
  act: 'peer-closed',
  story: 'the client process is killed',
  eventMs: 200.4,
  client: { code: 'killed', settledMs: null, budgetMs: 10_000 },
  hops: [
    hop('A', { reason: 'PEER_CLOSED' }),
    hop('B', { arrivedMs: 43, heardMs: 1.1, stoppedMs: 1.2, budgetMs: 958, leftMs: 0 }),
    hop('C', { arrivedMs: 85, heardMs: 12.34, stoppedMs: 12.5, steps: { of: 30, done: 2, saved: 28, lost: 0 } }),
  ],
  zombies: [],
  unexpected: [],
};

const zombie: ActReport = {
  ...act,
  hops: [
    hop('A', { stoppedMs: 1_480, steps: { of: 2, done: 2, saved: 0, lost: 1 } }),
    hop('B', { reason: null, outcome: 'answered', heardMs: null, leftMs: null, stoppedMs: 1_440, budgetMs: null }),
    hop('C', { reason: null, outcome: null, heardMs: null, leftMs: null, stoppedMs: null }),
  ],
  zombies: ['A', 'B', 'C'],
  unexpected: ['C was to see CANCELLED and saw nothing'],
};

describe('the story of an act', () => {
  it('is a tree with bars, one line for each hop', () => {
    expect(actStory(act, canvas).split('\n')).toEqual([
      '  peer closed  the client process is killed',
      '              ▾ 200 ms                    saw          heard     stopped   budget left      steps',
      '  client   ███▌                           killed                           of 10.0 s',
      '  └ A      ███▌·························  PEER_CLOSED  +0.61 ms  +0.95 ms  9.80 of 10.0 s   1 of 2',
      '    └ B    ▐██▌·························  CANCELLED    +1.10 ms  +1.20 ms  0 of 958 ms      1 of 2',
      '      └ C   ██▌·························  CANCELLED    +12.3 ms  +12.5 ms  9.80 of 10.0 s   2 of 30',
      '  ✓ no zombie: all stopped within 12.5 ms, 30 of 34 steps saved',
      '',
    ]);
  });

  it('names the zombies, and what they did for nobody', () => {
    expect(actStory(zombie, canvas).split('\n').slice(3)).toEqual([
      '  └ A      ████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  CANCELLED    +0.61 ms  +1.48 s   9.80 of 10.0 s   2 of 2',
      '    └ B    ████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒·  nothing                +1.44 s   no limit         1 of 2',
      '      └ C  ████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  nothing                never     of 10.0 s        1 of 2',
      '  ✗ C was to see CANCELLED and saw nothing',
      '  ✗ zombies: A, B and C still at work 1 s after the event, and do not end, 1 step for nobody',
      '',
    ]);
  });

  it('draws a call that nothing has happened to, without a client of ours', () => {
    const calm = hop('A', { reason: null, outcome: 'answered', heardMs: null, leftMs: null, stoppedMs: 1_660 });
    const [head, line] = timeline({ eventMs: null, hops: [calm] }, canvas);
    expect(head).not.toContain('▾');
    expect(line).toBe(
      '  A        █████████████████████████████  answered               +1.66 s   of 10.0 s        1 of 2',
    );
  });

  it('stays legible in a narrow terminal', () => {
    const [, client] = timeline(act, { ...canvas, columns: 40 });
    expect(client).toMatch(/^ {2}client {3}\S+ +killed/);
  });
});

describe('the last line of a demo', () => {
  it('sums up what was saved', () => {
    const report = { propagate: true, acts: [act, act], tookMs: 2_345, ok: true };
    expect(closing(report, canvas)).toBe('  ✓ 2 acts in 2.35 s, no zombie, 60 of 68 steps saved\n');
  });

  it('sums up what was lost', () => {
    const report = { propagate: false, acts: [zombie], tookMs: 8_000, ok: false };
    expect(closing(report, canvas)).toContain(
      '✗ 1 act in 8.00 s, 1 step done for nobody; saved without --no-propagate',
    );
  });
});

it.each([
  [0, '0.00 ms'],
  [9.994, '9.99 ms'],
  [9.996, '10.0 ms'],
  [99.96, '100 ms'],
  [999.4, '999 ms'],
  [999.6, '1.00 s'],
  [-0.25, '-0.25 ms'],
])('a duration of %d ms reads %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
