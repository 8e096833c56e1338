// docs/benchmarks.md, made of what is stored in bench/results/.

import { plotCurves } from './curve-plot.ts';
import { growths } from './curve-report.ts';
import { cell, grid, joined, limit, number, times, wobble } from './format.ts';
import { type Case, type Implementation, oursIn, type Results, type Suite, type Target, type Unit } from './harness.ts';
import { plot } from './plot.ts';
import { ratio, type Verdict, verdicts } from './verdict.ts';

const HEAD = `# Benchmarks

Made by \`npm run bench:report\` of the figures in [bench/results](../bench/results), which \`npm run bench -- --save\` stores.

A figure is the median of several rounds, the implementations taking turns, each in a process of its own, whose heap has a
young generation of 16 MB from the start. What counts is the ratio within one run: the machine is a shared one. Of what one
process does alone, the processor's time is taken where it is less than the clock's.`;

const WORDS: Record<Unit, string> = {
  ns: 'Nanoseconds for each operation',
  µs: 'Microseconds',
  '/s': 'Operations a second',
  B: 'Bytes of heap for each object',
};

/** @param runs of one suite, a run for each line of Node */
export interface Measured {
  readonly suite: Suite;
  readonly runs: readonly Results[];
}

/** The picture is of the Node in the middle, which is the line most run on. */
export function plotOf({ suite, runs }: Measured): string {
  const run = runs[runs.length >> 1] as Results;
  return suite.curves === undefined ? plot(suite, run) : plotCurves(suite, run);
}

export function plotName({ suite }: Measured): string {
  return `benchmarks-${suite.name}.svg`;
}

export function report(measured: readonly Measured[]): string {
  return `${[HEAD, ...measured.flatMap((one) => chapter(one))].join('\n\n')}\n`;
}

function chapter(measured: Measured): string[] {
  const { suite, runs } = measured;
  const cases = suite.cases.filter(({ id }) => runs.some(({ figures }) => figures[id] !== undefined));
  return [
    `## ${suite.title}`,
    circumstances(runs),
    ...(suite.method === undefined ? [] : [suite.method]),
    `![${suite.title}: ${PICTURED[suite.curves === undefined ? 'cases' : 'curves']}](${plotName(measured)})`,
    ...(suite.curves === undefined ? tables(measured, cases) : growths(suite, runs)),
    '### Who is compared, and how it is set up',
    suite.implementations.map((one) => `- ${titled(one, runs)}: ${one.setup}`).join('\n'),
    ...(cases.every(({ targets }) => targets.length === 0)
      ? []
      : [
          '### What was to be reached',
          'How many times better ours is, the middle half of the rounds beside it; in bold what is missed.',
          goals(suite, cases, runs),
        ]),
    '### Where others are ahead',
    losses(suite, cases, runs),
  ];
}

const PICTURED = {
  cases: 'a row for each case, a dot for each implementation',
  curves: 'a curve for each implementation, both axes logarithmic',
};

/** One for each unit. */
function tables({ suite, runs }: Measured, cases: readonly Case[]): string[] {
  const lines = runs.map(({ node }) => Number.parseInt(node, 10)).join(' / ');
  return Object.entries({ ...WORDS, ...suite.words }).flatMap(([unit, text]) => {
    const some = cases.filter((one) => one.unit === unit);
    return some.length === 0 ? [] : [`${text}, on Node ${lines}:`, figures(suite, some, runs)];
  });
}

function circumstances(runs: readonly Results[]): string {
  const of = (text: (run: Results) => string): string => [...new Set(runs.map(text))].join(', ');
  return `Node ${of(({ node }) => node)}; ${of(({ cpu }) => cpu)}; ${of(({ measured }) => measured)}.`;
}

function titled({ name, package: from }: Implementation, runs: readonly Results[]): string {
  const version = from === undefined ? undefined : runs[0]?.versions[from];
  return version === undefined
    ? `**${name}**`
    : `**${name}** ([${from}](https://www.npmjs.com/package/${from}) ${version})`;
}

function figures(suite: Suite, cases: readonly Case[], runs: readonly Results[]): string {
  const names = suite.implementations.map(({ name }) => name);
  const rows = cases.map(({ id, title }) => [
    title,
    ...names.map((name) => joined(runs.map((run) => cell(run.figures[id]?.[name])))),
  ]);
  return grid([['', ...names], ...rows]);
}

function goals(suite: Suite, cases: readonly Case[], runs: readonly Results[]): string {
  const rows = cases.flatMap((one) =>
    one.targets.map((target) => [
      one.title,
      ...wanted(target),
      ...runs.map((run) => outcome(one, target, run, oursIn(suite))),
    ]),
  );
  return grid([['', 'against', 'at least', ...runs.map(({ node }) => `Node ${Number.parseInt(node, 10)}`)], ...rows]);
}

function wanted(target: Target): string[] {
  if ('atMost' in target) return ['', limit(target.atMost)];
  const { against, atLeast, onNode20 } = target;
  const other = onNode20 === undefined || onNode20 === atLeast ? '' : ` (Node 20: ${times(onNode20)})`;
  return [against.join(' or '), `${times(atLeast)}${other}`];
}

function outcome(one: Case, target: Target, run: Results, ours: string): string {
  const found = verdicts(one, run, ours).find((verdict) => verdict.target === target);
  if (found === undefined) return '–';
  const text = said(one, found);
  return found.reached ? text : `**${text}**`;
}

function said(one: Case, { target, measured }: Verdict): string {
  if (measured === undefined) return 'atMost' in target ? 'fails' : 'they fail';
  return 'atMost' in target
    ? `${number(measured.median)} ${one.unit}`
    : `${times(measured.median)} ${wobble(measured)}`;
}

/** Every pair in which an other's figure is better than ours by more than a run can tell. */
function losses(suite: Suite, cases: readonly Case[], runs: readonly Results[]): string {
  const others = suite.implementations.slice(1).map(({ name }) => name);
  const rows = cases.flatMap((one) =>
    others.flatMap((name) => {
      const texts = runs.map((run) => {
        const found = ratio(one.unit, run.figures[one.id]?.[name], run.figures[one.id]?.[oursIn(suite)]);
        return found !== undefined && found.high < 0.95 ? `${times(found.median)} ${wobble(found)}` : '';
      });
      return texts.some((text) => text !== '') ? [[one.title, name, ...texts]] : [];
    }),
  );
  if (rows.length === 0) return 'Nowhere in this table.';
  return grid([['', 'ahead', ...runs.map(({ node }) => `Node ${Number.parseInt(node, 10)}`)], ...rows]);
}
