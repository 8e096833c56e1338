import type { Measured } from './report.ts';
import { stored } from './results.ts';
import { suites } from './suites.ts';

/** The suites with their stored figures. */
export function measured(root: URL): Promise<Measured[]> {
  return Promise.all(
    Object.entries(suites).map(async ([name, load]) => ({ suite: (await load()).suite, runs: stored(root, name) })),
  );
}
