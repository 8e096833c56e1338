import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ActReport, DemoReport } from '../../lib/cli/report.ts';
import { cli, type Ended, endAll, hasSurvivors } from './support/cli.ts';

afterEach(endAll);

function acts({ stdout }: Ended): Record<string, ActReport> {
  const report: DemoReport = JSON.parse(stdout);
  return Object.fromEntries(report.acts.map((act) => [act.act, act]));
}

/** The kinds of values and the names of fields, of lists those of the first entry. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]));
}

const reasons = ({ hops }: ActReport) => hops.map(({ hop, reason }) => [hop, reason]);

describe('nevermind demo', () => {
  let ended: Ended;
  let survived: boolean;
  beforeAll(async () => {
    const demo = cli(['demo', '--json']);
    ended = await demo.ended;
    survived = hasSurvivors(demo.pid);
  });

  it('S0-01, S0-05, S0-10, S1-04: a cancel at 200 ms reaches every hop, with nearly all of the 10 s left', () => {
    const act = acts(ended).cancel!;
    expect(reasons(act)).toEqual([
      ['A', 'CANCELLED'],
      ['B', 'CANCELLED'],
      ['C', 'CANCELLED'],
    ]);
    expect(act.client.code).toBe('canceled');
    for (const { leftMs } of act.hops) expect(leftMs).toBeGreaterThan(5_000);
  });

  it('S0-20: the cancel travels downstream, A before B before C', () => {
    const heard = acts(ended).cancel!.hops.map(({ heardMs }) => heardMs!);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
  });

  it('S1-19, S0-23: a deadline is a TIMEOUT on every hop, each of which was given less than the one above', () => {
    const act = acts(ended).deadline!;
    expect(reasons(act)).toEqual([
      ['A', 'TIMEOUT'],
      ['B', 'TIMEOUT'],
      ['C', 'TIMEOUT'],
    ]);
    expect(act.client.code).toBe('deadline_exceeded');
    const [a, b, c] = act.hops.map(({ budgetMs }) => budgetMs!);
    expect(a).toBeLessThanOrEqual(act.client.budgetMs);
    expect(b).toBeLessThan(a!);
    expect(c).toBeLessThan(b!);
  });

  it('a killed client is PEER_CLOSED to the hop it was connected with, and CANCELLED to those below', () => {
    expect(reasons(acts(ended)['peer-closed']!)).toEqual([
      ['A', 'PEER_CLOSED'],
      ['B', 'CANCELLED'],
      ['C', 'CANCELLED'],
    ]);
  });

  it('a hop that drains sees SHUTDOWN, its caller unavailable, and the hop below CANCELLED', () => {
    const act = acts(ended).shutdown!;
    expect(reasons(act)).toEqual([
      ['A', null],
      ['B', 'SHUTDOWN'],
      ['C', 'CANCELLED'],
    ]);
    expect(act.hops[0]!.outcome).toBe('unavailable');
    expect(act.client.code).toBe('unavailable');
  });

  it('S0-09, S0-11, S0-25: no handler runs on, and none does the steps that were left', () => {
    for (const act of Object.values(acts(ended))) {
      expect(act).toMatchObject({ zombies: [], unexpected: [] });
      for (const { stoppedMs, steps } of act.hops) {
        expect(stoppedMs).not.toBeNull();
        expect(steps.done).toBeLessThan(steps.of);
      }
    }
    expect(ended.code).toBe(0);
  });

  it('has the shape that its page documents', () => {
    const page = readFileSync(new URL('../../docs/guide/demo.md', import.meta.url), 'utf8');
    const [, documented] = /^```json\n(.*?)^```$/ms.exec(page)!;
    expect(shapeOf(JSON.parse(ended.stdout))).toEqual(shapeOf(JSON.parse(documented!)));
  });

  it('leaves no process behind, and says nothing on standard error', () => {
    expect(survived).toBe(false);
    expect(ended.stderr).toBe('');
  });
});

describe('nevermind demo --no-propagate', () => {
  it('shows what is lost: every hop works to its end for nobody, is named as a zombie, and the exit code is 1', async () => {
    const demo = cli(['demo', '--no-propagate', '--json']);
    const ended = await demo.ended;
    expect(ended.code).toBe(1);
    const played = acts(ended);
    expect(Object.keys(played)).toEqual(['cancel', 'deadline', 'peer-closed', 'shutdown']);
    for (const act of Object.values(played)) {
      expect(act.zombies).toContain('C');
      const { reason, outcome, steps } = act.hops[2]!;
      expect({ reason, outcome, done: steps.done }).toEqual({ reason: null, outcome: 'answered', done: steps.of });
      expect(steps.lost).toBeGreaterThan(0);
    }
    // The hop itself still hears; it has only nobody to tell.
    expect(played.cancel!.hops[0]).toMatchObject({ hop: 'A', reason: 'CANCELLED' });
    expect(hasSurvivors(demo.pid)).toBe(false);
  });
});

describe('the output of a demo', () => {
  it('is plain in a pipe, names every act, hop and reason, and stays within 100 columns', async () => {
    const { stdout, code } = await cli(['demo']).ended;
    expect(code).toBe(0);
    expect(stdout).not.toContain('\x1b');
    for (const word of ['cancel', 'deadline', 'peer closed', 'shutdown', 'deadline_exceeded', 'unavailable'])
      expect(stdout).toContain(word);
    for (const word of ['CANCELLED', 'TIMEOUT', 'PEER_CLOSED', 'SHUTDOWN', '└ A', '└ B', '└ C', 'no zombie'])
      expect(stdout).toContain(word);
    expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});

describe('a demo that is cut short', () => {
  it('ends its processes on Ctrl-C, and exits with 130', async () => {
    const demo = cli(['demo', '--no-propagate']);
    for await (const line of demo.lines()) if (line.includes('nevermind demo')) break;
    demo.kill('SIGINT');
    expect(await demo.ended).toMatchObject({ code: 130, stderr: '' });
    expect(hasSurvivors(demo.pid)).toBe(false);
  });

  it('ends its processes when it is killed itself', async () => {
    const demo = cli(['demo', '--no-propagate']);
    for await (const line of demo.lines()) if (line.includes('nevermind demo')) break;
    demo.kill('SIGKILL', 'alone');
    // Resolves only when the last of them has let go of standard error.
    expect(await demo.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  it('ends its processes when nobody reads what it prints', async () => {
    const demo = cli(['demo']);
    demo.hangUp();
    expect((await demo.ended).stderr).toBe('');
    expect(hasSurvivors(demo.pid)).toBe(false);
  });
});
