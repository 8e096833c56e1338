import { describe, expect, it } from 'vitest';
import { Contender } from '../../bench/contender.ts';
import type { Case, Figure } from '../../bench/harness.ts';
import type { Remote } from '../../bench/remote.ts';
import type { Answer } from '../../bench/worker.ts';

const one: Case = { id: 'one', title: 'One', unit: 'ns', targets: [] };
const settings = { roundMs: 1, maxOps: 1 };

/** What becomes of a contender whose process gives these answers. */
async function figure(answers: readonly Answer[], budgetMs = 1_000): Promise<Figure | undefined> {
  const left = [...answers];
  const remote = { ask: async () => left.shift() } as unknown as Remote;
  const contender = new Contender('ours', budgetMs);
  await contender.load(remote, one, settings);
  while (contender.going && left.length > 0) await contender.round();
  return contender.figure();
}

const measured = (figure: number): Answer => ({ round: { figure } });

describe('a contender', () => {
  it('has the rounds that it has done, without its warm-up', async () => {
    expect(await figure([measured(9), measured(4), measured(5)])).toEqual({ rounds: [4, 5] });
  });

  it('has the last of its warm-up where there was no time for a round', async () => {
    expect(await figure([measured(9), measured(4)], -1)).toEqual({ rounds: [9] });
  });

  it('has failed where a round went wrong, whatever went right before', async () => {
    expect(await figure([measured(9), measured(4), { failed: 'lost a cancel' }])).toEqual({ failed: 'lost a cancel' });
  });

  it('keeps its rounds where it was only too slow for the next one', async () => {
    const slow = { failed: 'gave up after 60 s', slow: true };
    expect(await figure([measured(9), measured(4), slow])).toEqual({ rounds: [4] });
    expect(await figure([slow])).toEqual({ failed: 'gave up after 60 s' });
  });

  it('has no figure where there is nothing of the kind', async () => {
    expect(await figure([{}])).toBeUndefined();
  });
});
