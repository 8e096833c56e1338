// What is measured of calls that are not cancelled.
import type { Experiment } from '../harness.ts';
import { parts, warmUp } from '../parts.ts';
import { Chain } from './chain.ts';

/** Calls that are answered in a second, so many under way at once. */
export async function rate(module: string, width: number): Promise<Experiment> {
  const chain = await Chain.start(module, 1);
  let warm = false;
  return {
    async measure({ roundMs, maxOps }) {
      if (!warm) await warmUp(maxOps, () => chain.greet(width, roundMs));
      warm = true;
      const found = await parts(roundMs, async (partMs) => {
        const start = performance.now();
        const answers = await chain.greet(width, partMs);
        return (answers * 1000) / (performance.now() - start);
      });
      return Math.max(...found);
    },
    close: () => chain.close(),
  };
}

const MANY = 10_000;
/** Before the first of them the server has to have done something, or its own code would be in what they weigh. */
const BEFORE_MS = 500;

/** Calls that are held: what the server's heap grows by for each. */
export function held(module: string): Experiment {
  return {
    async measure({ maxOps }) {
      const chain = await Chain.start(module, 1);
      try {
        await chain.greet(16, BEFORE_MS);
        const before = await chain.last.heap();
        const count = Math.min(MANY, maxOps);
        await Promise.all(chain.waits(count));
        return ((await chain.last.heap()) - before) / count;
      } finally {
        await chain.close();
      }
    },
    close() {},
  };
}
