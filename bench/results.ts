// The store: one file in bench/results/ for each suite and line of Node.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Results } from './harness.ts';

/**
 * Keeps a run: a whole one, or of some cases, which take their place in the one that is kept.
 *
 * @throws Error where that one is of another Node, machine or version of a package: figures of two would stand in one table
 */
export function save(root: URL, results: Results, whole: boolean): void {
  write(root, whole ? results : merged(ofLine(root, results), results));
}

function ofLine(root: URL, { suite, node }: Results): Results | undefined {
  return stored(root, suite).find((kept) => lineOf(kept.node) === lineOf(node));
}

function merged(kept: Results | undefined, results: Results): Results {
  const where = ({ node, cpu, versions }: Results) => JSON.stringify({ node, cpu, versions });
  if (kept === undefined || where(kept) !== where(results)) {
    throw new Error(`No run of \`${results.suite}\` is kept that these cases would fit into: save a whole one.`);
  }
  const { measured, seconds } = results;
  return { ...kept, measured, seconds: kept.seconds + seconds, figures: { ...kept.figures, ...results.figures } };
}

function write(root: URL, results: Results): void {
  const folder = new URL('bench/results/', root);
  mkdirSync(folder, { recursive: true });
  const name = `${results.suite}-node${lineOf(results.node)}.json`;
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
    .sort((a, b) => lineOf(a.node) - lineOf(b.node));
}

function lineOf(version: string): number {
  return Number.parseInt(version, 10);
}
