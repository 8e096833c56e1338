import type { Measured } from './report.ts';
import { stored } from './results.ts';
import { suites } from './suites.ts';

/** The suites with their stored figures. One whose figures nobody has stored yet is left out. */
export async function measured(root: URL): Promise<Measured[]> {
  const all = await Promise.all(
    Object.entries(suites).map(async ([name, load]) => ({ suite: (await load()).suite, runs: stored(root, name) })),
  );
  return all.filter(({ runs }) => runs.length > 0);
}
