// The store: one file in bench/results/ for each suite and line of Node.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Results } from './harness.ts';

export function save(root: URL, results: Results): void {
  const folder = new URL('bench/results/', root);
  mkdirSync(folder, { recursive: true });
  const name = `${results.suite}-node${Number.parseInt(results.node, 10)}.json`;
  // A line for each case: small enough to keep, and a diff that can be read.
  const { figures, ...rest } = results;
  const lines = Object.entries(figures).map(([id, found]) => `  ${JSON.stringify(id)}: ${JSON.stringify(found)}`);
  const head = JSON.stringify(rest, undefined, 1).slice(0, -2);
  writeFileSync(new URL(name, folder), `${head},\n "figures": {\n${lines.join(',\n')}\n }\n}\n`);
}

/** The stored runs of a suite, the oldest line of Node first. */
export function stored(root: URL, suite: string): Results[] {
  const folder = new URL('bench/results/', root);
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${suite}-node`))
    .map((name): Results => JSON.parse(readFileSync(new URL(name, folder), 'utf8')))
    .sort((a, b) => Number.parseInt(a.node, 10) - Number.parseInt(b.node, 10));
}
