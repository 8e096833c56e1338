// Curves as tables: the time at each size, and the law.
import { type Curve, lawOf, nsOf, pointsOf } from './curve.ts';
import { duration, grid, joined } from './format.ts';
import type { Results, Suite } from './harness.ts';

/** A heading and a table for each curve of a suite. */
export function growths(suite: Suite, runs: readonly Results[]): string[] {
  const lines = runs.map(({ node }) => Number.parseInt(node, 10)).join(' / ');
  return (suite.curves ?? []).flatMap((curve) => [
    `### ${curve.title}`,
    `On Node ${lines}, by the number of ${curve.by}:`,
    growth(suite, curve, runs),
  ]);
}

function growth(suite: Suite, curve: Curve, runs: readonly Results[]): string {
  const tried = ({ figures }: Results, name: string): boolean =>
    curve.points.some(({ id }) => figures[id]?.[name] !== undefined);
  const names = suite.implementations.map(({ name }) => name).filter((name) => runs.some((run) => tried(run, name)));
  const rows = curve.points.map(({ id, size }) => [
    size.toLocaleString('en-GB'),
    ...names.map((name) => joined(runs.map((run) => time(suite, id, run, name)))),
  ]);
  const laws = names.map((name) => joined(runs.map((run) => law(suite, curve, run, name))));
  return grid([[curve.by, ...names], ...rows, ['**slope**', ...laws]]);
}

function time(suite: Suite, id: string, { figures }: Results, name: string): string {
  const figure = figures[id]?.[name];
  if (figure === undefined) return '–';
  return 'failed' in figure ? figure.failed : duration(nsOf(suite, id, figure) ?? Number.NaN);
}

/** As "1.02, linear: 290 µs each". */
export function law(suite: Suite, curve: Curve, run: Results, name: string): string {
  const found = lawOf(pointsOf(suite, curve, run, name));
  if (found === undefined) return '–';
  const each = found.eachNs === undefined ? '' : `: ${duration(found.eachNs)} each`;
  return `${found.slope.toFixed(2)}, ${found.name}${each}`;
}
