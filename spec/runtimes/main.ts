// What one runtime runs: the battery, then the lost aborts. Whoever starts it hands over the core of the built package.
import { laws } from './battery.ts';
import { type Core, type Outcome, runAll } from './harness.ts';
import { arrivals, patterns } from './lost-aborts.ts';

export interface Report extends Outcome {
  /** Aborts that arrived, of a thousand, by pattern. */
  readonly arrived: Readonly<Record<string, number>>;
}

export async function main(core: Core): Promise<Report> {
  const outcome = await runAll(core, laws);
  const arrived: Record<string, number> = {};
  for (const [name, pattern] of Object.entries(patterns)) arrived[name] = await arrivals(core, pattern, 1_000);
  return { ...outcome, arrived };
}
