// What a run of the benchmark tells, as data, as text and as Markdown. The shape of the data is public: `--json` prints it, and
// docs/guide/benchmark.md describes it.
import { type Bench, type Propagation, type Quantiles, type Ratio, type Ratios, summaryOf } from '../measure/index.ts';
import { histogram } from './histogram.ts';
import { paint } from './paint.ts';
import { rounded } from './report.ts';
import { counted } from './story.ts';
import { duration } from './timeline.ts';

/** A run, what it comes to, and what the gate says of it. */
export interface Judged extends Bench {
  readonly figures: Propagation;
  readonly floorFigures: Propagation | undefined;
  /** What got worse, in sentences. */
  readonly worse: readonly string[];
}

export function judged(bench: Bench, worse: (figures: Propagation) => readonly string[]): Judged {
  const figures = summaryOf(bench.seen);
  const floorFigures = bench.floor === undefined ? undefined : summaryOf(bench.floor);
  return { ...bench, figures, floorFigures, worse: worse(figures) };
}

export function benchJson(run: Judged): string {
  const { setting, warmup, interrupted, seen, figures, floor, floorFigures, ratios, worse } = run;
  const { node: _, machine: __, hops: ___, ...rest } = setting;
  const data = {
    unit: 'ms',
    hops: seen.hops.length,
    ...rest,
    warmup,
    ...figures,
    floor: floor && { hops: floor.hops.length, ...floorFigures },
    ratio: ratios,
    interrupted,
    worse,
    node: process.version,
    platform: process.platform,
    arch: process.arch,
  };
  return `${JSON.stringify(data, (_key, value) => (typeof value === 'number' ? rounded(value) : value), 2)}\n`;
}

const COLUMNS = ['p50', 'p90', 'p99', 'max'] as const;
const FROM = "from the caller's cancel until";

/** For a terminal. */
export function benchText(run: Judged, columns: number): string {
  const rows = tableOf(run).map(([what, cells]) => what.padEnd(32) + cells.map((cell) => cell.padStart(10)).join(''));
  const graph = histogram(run, columns);
  return [
    '',
    `${paint('bold', 'nevermind bench')}  ${paint('dim', heading(run))}`,
    '',
    paint('dim', FROM.padEnd(32) + COLUMNS.map((name) => name.padStart(10)).join('')),
    ...rows,
    '',
    ...(graph.length > 0 ? [...graph, ''] : []),
    ...(run.ratios === undefined ? [] : [comparison(run.ratios, run), '']),
    ...verdicts(run).map(([good, sentence]) => `${good ? paint('green', '✓') : paint('red', '✗')} ${sentence}`),
    '',
    '',
  ]
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
}

/** For a page, such as the summary of a job. */
export function benchMarkdown(run: Judged): string {
  const rows = tableOf(run).map(([what, cells]) => `| ${what} | ${cells.join(' | ')} |`);
  return [
    '### nevermind bench',
    '',
    ...verdicts(run).map(([good, sentence]) => `${good ? '✅' : '❌'} ${sentence}  `),
    '',
    `${heading(run)}, on ${run.setting.node}, ${run.setting.machine}`,
    '',
    `| ${FROM} | ${COLUMNS.join(' | ')} |`,
    '|---|--:|--:|--:|--:|',
    ...rows,
    '',
    ...(run.ratios === undefined ? [] : [comparison(run.ratios, run), '']),
    '```text',
    ...histogram(run, 80, (_, text) => text),
    '```',
    '',
  ].join('\n');
}

const WHEN: Readonly<Record<string, string>> = {
  'before-headers': 'that race their calls',
  working: 'in the midst of work',
  streaming: 'in the midst of a stream',
};

/** What was measured, in a line. */
export function heading({ setting, figures, warmup }: Judged): string {
  const { chain, hops, transport, at, load } = setting;
  const what = chain === 'built in' ? `${counted(hops, 'hop')} over ${transport}` : chain;
  const when = WHEN[at];
  const beside = load === 0 ? '' : ` beside ${counted(load, 'call')}`;
  return `${what}, ${counted(figures.cancels, 'cancel')} ${when}${beside}, after ${warmup} to warm up`;
}

function tableOf({ figures, floorFigures }: Judged): [what: string, cells: string[]][] {
  const floor = floorFigures?.token.at(-1);
  return [
    ...figures.token.map(({ hop, quantiles }): [string, string[]] => [`${hop}'s token cancelled`, cells(quantiles)]),
    ['last handler stopped', cells(figures.stopped)],
    ...(floor === undefined ? [] : [['floor: last stream reset', cells(floor.quantiles)] as [string, string[]]]),
  ];
}

function cells(quantiles: Quantiles | null): string[] {
  return COLUMNS.map((name) => (quantiles === null ? 'none' : duration(quantiles[name])));
}

function comparison({ heard, stopped }: Ratios, { figures }: Judged): string {
  return `${figures.token.at(-1)?.hop} hears at ${ratio(heard)}, the last handler has stopped at ${ratio(stopped)} the floor`;
}

/** `1.91x (1.84–1.99)` */
function ratio({ ratio, low, high }: Ratio): string {
  return `${ratio.toFixed(2)}x (${low.toFixed(2)}–${high.toFixed(2)})`;
}

function verdicts({ figures, worse, interrupted }: Judged): [good: boolean, sentence: string][] {
  const { cancels, unstarted, spared } = figures;
  const stopped: [boolean, string][] = interrupted ? [[false, `interrupted after ${counted(cancels, 'cancel')}`]] : [];
  if (worse.length > 0) return [...stopped, [false, worse.join('; ')]];
  const arrived =
    unstarted === 0 ? 'every cancel arrived' : `every cancel arrived, ${unstarted} before the last hop began`;
  const whole = spared === 0 ? '' : `; none of ${counted(spared, 'other call')} was cancelled`;
  return [...stopped, [true, arrived + whole]];
}
