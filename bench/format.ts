// Figures as people read them.
import type { Figure } from './harness.ts';
import { type Spread, spread } from './verdict.ts';

/** Three digits are more than a busy machine can tell. */
export function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-GB');
  if (Math.abs(value) < 0.05) return '0';
  return value.toFixed(value < 10 ? 1 : 0);
}

export function times(value: number): string {
  return `${value < 0.995 ? value.toFixed(2) : number(value)}×`;
}

/** Half of the middle half's width, in percent of the median. */
export function wobble({ median, low, high }: Spread): string {
  return median === 0 ? '' : `±${Math.round(((high - low) / 2 / Math.abs(median)) * 100)} %`;
}

export function cell(figure: Figure | undefined): string {
  if (figure === undefined) return '–';
  if ('failed' in figure) return figure.failed;
  const text = number(spread(figure.rounds).median);
  return figure.only === undefined ? text : `${text} (${number(figure.only)} only)`;
}

export function limit(required: number): string {
  return Number.isFinite(required) ? `≤ ${number(required)}` : 'works';
}

/** A time in the unit in which it is a number of one to three digits. */
export function duration(ns: number): string {
  const power = Math.min(Math.max(Math.floor(Math.log10(ns) / 3), 0), 3);
  return `${Number((ns / 1000 ** power).toPrecision(3))} ${['ns', 'µs', 'ms', 's'][power]}`;
}

/** One for all lines of Node where they agree. */
export function joined(cells: readonly string[]): string {
  return new Set(cells).size === 1 ? (cells[0] as string) : cells.join(' / ');
}

/** A table of Markdown. */
export function grid([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
