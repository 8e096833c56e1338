import { describe, expect, it } from 'vitest';
import { CancellationSource } from '../../../lib/core/index.ts';
import { run } from '../../../lib/task/index.ts';
import { expectNoLeaks, fakeClock } from '../../../lib/testing/index.ts';
import { Grower, type Plan } from './plan.ts';
import { type Ending, foretell } from './rules.ts';
import { taskOf } from './tasks.ts';

/** `SEED=… npx vitest run spec/laws/task/trees.spec.ts` grows other trees. */
const SEED = Number(process.env.SEED ?? 4);
const TREES = 10_000;

/** Lets a tree run to its very end, and tells how each of its branches ended. */
async function grown(plan: Plan, cancelAt: number): Promise<Map<number, Ending>> {
  using clock = fakeClock();
  const seen = new Map<number, Ending>();
  const root = new CancellationSource({ timeout: cancelAt });
  const running = run(taskOf(plan, seen), { token: root.token });
  await clock.advanceAsync(2 ** 52);
  await running;
  root.close();
  expectNoLeaks(root.token);
  return seen;
}

/** In any order but for the first error, which decided; what happens in one instant has no order that a rule could tell. */
function comparable(endings: Map<number, Ending>): unknown[] {
  return [...endings]
    .sort(([a], [b]) => a - b)
    .map(([id, { end, kind, value, errors }]) => ({
      id,
      end,
      kind,
      value,
      errors: [...errors].sort(),
      first: kind === 'error' && errors[0],
    }));
}

describe('random trees of tasks', () => {
  it(`${TREES} of them end as the rules say: each branch at its time, in its way, with all of its errors`, async () => {
    const grower = new Grower(SEED);
    for (let tree = 0; tree < TREES; tree++) {
      const { plan, cancelAt } = grower.grow();
      const told = foretell(plan, 0, cancelAt);
      const seen = await grown(plan, cancelAt);
      expect(comparable(seen), `SEED=${SEED}, tree ${tree}: ${JSON.stringify(plan)} cancelled at ${cancelAt}`).toEqual(
        comparable(told),
      );
    }
  }, 120_000);
});
