import fc from 'fast-check';
import { describe, it } from 'vitest';
import { CancelReason } from '../../../lib/core/index.ts';
import type { Model } from './model.ts';
import { actNames, type Step, World } from './world.ts';

/** How often each act comes: the tree grows faster than it dies, and most of what happens is listened to. */
const weights: Partial<Record<Step['do'], number>> = {
  child: 3,
  listen: 8,
  look: 3,
  cancel: 2,
  unregister: 2,
  close: 2,
};

/** Steps; those of a listener are done inside its callback, and so on down. */
const { step } = fc.letrec<{ step: Step; then: Step[] }>((tie) => ({
  step: fc.record({
    do: fc.oneof(...actNames.map((name) => ({ weight: weights[name] ?? 1, arbitrary: fc.constant(name) }))),
    at: fc.nat(30),
    of: fc.array(fc.nat(30), { minLength: 2, maxLength: 4 }),
    reason: fc.constantFrom(...Object.values(CancelReason)),
    ms: fc.integer({ min: -1, max: 20 }),
    throws: fc.boolean(),
    then: tie('then'),
  }),
  then: fc.oneof({ maxDepth: 3 }, fc.constant<Step[]>([]), fc.array(tie('step'), { minLength: 1, maxLength: 3 })),
}));

class Do implements fc.AsyncCommand<Model, World> {
  readonly #step: Step;
  constructor(one: Step) {
    this.#step = one;
  }
  check(): boolean {
    return true;
  }
  async run(_: Model, world: World): Promise<void> {
    world.run(this.#step);
    // Now and then the microtasks of a cancelAsync wait for the next steps.
    if (this.#step.do !== 'cancelAsync') await world.settle();
  }
  toString(): string {
    return JSON.stringify(this.#step);
  }
}

describe('the core and a model of thirty lines', () => {
  it('agree on every answer, whatever is done, inside callbacks too', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.commands([step.map((one) => new Do(one))], { maxCommands: 40, size: 'max' }),
        async (commands) => {
          using world = new World();
          world.addSource([], undefined);
          await fc.asyncModelRun(() => ({ model: world.model, real: world }), commands);
          await world.settle();
          world.end();
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
