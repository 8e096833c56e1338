import type { Paint, Style } from './paint.ts';

/** The axis that all bars of one timeline share. */
export interface Axis {
  readonly cells: number;
  readonly spanMs: number;
}

/** What a bar shows; instants in milliseconds from the start of the axis. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  /** What is done after it is done for nobody; Infinity: nothing has happened. */
  readonly eventMs: number;
  /** Whether there is work left to be saved when it ends. */
  readonly saves: boolean;
  readonly style: Style;
}

/** Parts of a cell, from nothing to the whole. */
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'] as const;

/** `█` work, `▒` work for nobody, `·` work that was saved. */
export function bar({ cells, spanMs }: Axis, span: Span, paint: Paint): string {
  const at = (ms: number) => Math.min(Math.max((ms / spanMs) * cells, 0), cells);
  // There are blocks to begin in the middle of a cell, and to end at any eighth of it. Some work shows always.
  const from = Math.min(Math.floor(at(span.fromMs) * 2) / 2, cells - 1);
  const lostFrom = Math.max(Math.ceil(at(span.eventMs)), Math.floor(from) + 1);
  const lost = Math.max(Math.round(at(span.toMs)) - lostFrom, 0);
  const to = lost > 0 ? lostFrom : Math.max(at(Math.min(span.toMs, span.eventMs)), from + 0.5);
  const work = blocks(from, to);
  const rest = cells - Math.floor(from) - work.length - lost;
  return (
    ' '.repeat(Math.floor(from)) +
    paint(span.style, work) +
    paint('red', '▒'.repeat(lost)) +
    paint('dim', (span.saves ? '·' : ' ').repeat(rest))
  );
}

/** A mark on the axis, with a text beside it. */
export function mark({ cells, spanMs }: Axis, ms: number, text: string): string {
  return `${' '.repeat(Math.min(Math.floor((ms / spanMs) * cells), cells - 1))}▾ ${text}`.padEnd(cells);
}

/** Blocks from one point to another, counted in cells; what comes before the first one's cell is left out. */
function blocks(from: number, to: number): string {
  const whole = Math.ceil(from);
  const head = whole > from ? '▐' : '';
  const eighths = Math.max(Math.round((to - whole) * 8), 0);
  return head + '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8];
}
