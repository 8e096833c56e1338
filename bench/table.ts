// What a run prints.
import { cell, limit, number, times, wobble } from './format.ts';
import { type Case, oursIn, type Results, type Suite } from './harness.ts';
import { ratio, type Verdict, verdicts } from './verdict.ts';

/** Every figure: medians and, of the others, the ratio to ours with the middle half of what the rounds gave. */
export function table(suite: Suite, results: Results): string {
  const head = ['', 'unit', ...suite.implementations.map(({ name }) => name)];
  const rows = measured(suite, results).map((one) => row(suite, one, results));
  const title = `${suite.title} · Node ${results.node} · ${results.cpu} · ${results.seconds} s`;
  return `${title}\n\n${columns([head, ...rows])}`;
}

/** Every target, and whether it is reached. */
export function verdict(suite: Suite, results: Results): string {
  const goals = measured(suite, results).flatMap((one) =>
    verdicts(one, results, oursIn(suite)).map((found) => goal(one, found)),
  );
  return columns([['target', 'against', 'required', 'measured', ''], ...goals]);
}

function measured(suite: Suite, results: Results): Case[] {
  return suite.cases.filter(({ id }) => results.figures[id] !== undefined);
}

function row(suite: Suite, one: Case, results: Results): string[] {
  const figures = results.figures[one.id] ?? {};
  const our = figures[oursIn(suite)];
  const others = suite.implementations.slice(1).map(({ name }) => name);
  const theirs = others.map((name) => {
    const found = ratio(one.unit, figures[name], our);
    return `${cell(figures[name])}${found === undefined ? '' : ` (${times(found.median)} ${wobble(found)})`}`;
  });
  return [one.title, one.unit, cell(our), ...theirs];
}

function goal(one: Case, { target, best, measured, required, reached }: Verdict): string[] {
  const word = reached ? 'reached' : 'MISSED';
  if ('atMost' in target) {
    const text = measured === undefined ? 'failed' : `${number(measured.median)} ${one.unit}`;
    return [one.title, '', limit(required), text, word];
  }
  const text = measured === undefined ? 'they fail' : `${times(measured.median)} ${wobble(measured)}`;
  return [one.title, best ?? target.against.join(', '), `≥ ${times(required)}`, text, word];
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return rows.map(line).join('\n');
}
