import { type Axis, bar, mark } from './bar.ts';
import { colourOf, type Paint } from './paint.ts';
import type { ActReport, CallReport, HopReport } from './report.ts';

/** Where and how a timeline is drawn. */
export interface Canvas {
  /** Characters in a line. */
  readonly columns: number;
  /** What the axis spans at least, in milliseconds: how long the call would take if nobody ended it. */
  readonly wholeMs: number;
  readonly paint: Paint;
}

/** What stands beside the bars: its head and its width. */
const COLUMNS = [
  ['saw', 13],
  ['heard', 10],
  ['stopped', 10],
  ['budget left', 17],
  ['steps', 8],
] as const;
type Cells = readonly [saw: string, heard: string, stopped: string, budget: string, steps: string];

const NAME = 9;
const BESIDE = 2 + NAME + 2 + COLUMNS.reduce((sum, [, width]) => sum + width, 0);

/** Draws a call as a tree with bars: a head, the client where it is ours, and a line for each hop. */
export function timeline(report: CallReport & Partial<Pick<ActReport, 'client'>>, canvas: Canvas): string[] {
  const { paint } = canvas;
  const axis = axisOf(report, canvas);
  const event = report.eventMs === null ? '' : mark(axis, report.eventMs, duration(report.eventMs));
  const head = row(COLUMNS.map(([name]) => name) as unknown as Cells);
  const lines = [`${''.padEnd(NAME)}${event.padEnd(axis.cells)}  ${paint('dim', head)}`];
  if (report.client !== undefined) lines.push(clientLine(report.client, axis, report.eventMs ?? 0, paint));
  const above = report.client === undefined ? 0 : 1;
  for (const [index, hop] of report.hops.entries())
    lines.push(hopLine(hop, index + above, axis, report.eventMs, paint));
  return lines.map((line) => `  ${line}`.trimEnd());
}

function clientLine(
  { code, settledMs, budgetMs }: ActReport['client'],
  axis: Axis,
  eventMs: number,
  paint: Paint,
): string {
  const toMs = eventMs + (settledMs ?? 0);
  const line = bar(axis, { fromMs: 0, toMs, eventMs: Number.POSITIVE_INFINITY, saves: false, style: 'dim' }, paint);
  const cells: Cells = ['', '', settledMs === null ? '' : after(settledMs), share(null, budgetMs), ''];
  // A code may be longer than its column, and a client hears of nothing before it is over.
  const got = code ?? 'nothing';
  return `${'client'.padEnd(NAME)}${line}  ${got}${row(cells).slice(got.length)}`;
}

function hopLine(hop: HopReport, depth: number, axis: Axis, eventMs: number | null, paint: Paint): string {
  const { arrivedMs: fromMs, heardMs, stoppedMs, budgetMs, leftMs, steps, reason } = hop;
  const name = `${depth === 0 ? '' : `${' '.repeat(2 * (depth - 1))}└ `}${hop.hop}`;
  const toMs = stoppedMs === null ? axis.spanMs : (eventMs ?? 0) + stoppedMs;
  const span = { fromMs, toMs, eventMs: eventMs ?? Number.POSITIVE_INFINITY, saves: steps.saved > 0 };
  const saw = sawOf(hop, eventMs !== null);
  const cells: Cells = [
    saw,
    heardMs === null ? '' : after(heardMs),
    stoppedMs === null ? 'never' : after(stoppedMs),
    budgetMs === null ? 'no limit' : share(leftMs, budgetMs),
    `${steps.done} of ${steps.of}`,
  ];
  const line = bar(axis, { ...span, style: colourOf(reason, 'green') }, paint);
  return `${name.padEnd(NAME)}${line}  ${paint(colourOf(reason, 'dim'), saw)}${row(cells).slice(saw.length)}`;
}

/** What came to the hop: a cancel of its own call, what the next hop said, or nothing of what has happened. */
function sawOf({ reason, outcome }: HopReport, happened: boolean): string {
  if (reason !== null) return reason;
  return happened && (outcome === null || outcome === 'answered') ? 'nothing' : (outcome ?? 'nothing');
}

function row(cells: Cells): string {
  return COLUMNS.map(([, width], index) => (cells[index] ?? '').padEnd(width)).join('');
}

function axisOf({ eventMs, hops }: CallReport, { columns, wholeMs }: Canvas): Axis {
  const lastMs = Math.max(wholeMs, ...hops.map(({ stoppedMs }) => (eventMs ?? 0) + (stoppedMs ?? 0)));
  return { cells: Math.min(Math.max(columns - BESIDE, 12), 40), spanMs: lastMs };
}

/** `0 of 258 ms`, `9.80 of 9.96 s`; what is left is not told where nothing was heard. */
function share(leftMs: number | null, budgetMs: number): string {
  const seconds = budgetMs >= 1_000;
  const show = (ms: number) => (seconds ? figure(ms / 1_000) : ms.toFixed(0));
  return `${leftMs === null ? '' : `${show(leftMs)} `}of ${show(budgetMs)} ${seconds ? 's' : 'ms'}`;
}

/** `+0.42 ms`, `+1.36 s`. */
function after(ms: number): string {
  return `${ms < 0 ? '' : '+'}${duration(ms)}`;
}

/** `0.42 ms`, `12.3 ms`, `200 ms`, `1.36 s`. */
export function duration(ms: number): string {
  return Math.abs(ms) < 999.5 ? `${figure(ms)} ms` : `${figure(ms / 1_000)} s`;
}

/** To three digits, of which no more than two are decimals. */
function figure(value: number): string {
  const size = Math.abs(Number(value.toPrecision(3)));
  return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
}
