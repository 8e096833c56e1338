// A logarithmic axis for some figures.
import type { Unit } from './harness.ts';

export interface Axis {
  /** Where a figure lies, from 0 to 1. */
  part(figure: number): number;
  readonly ticks: readonly { readonly text: string; readonly at: number }[];
}

/** Whole decades where the figures span more than two; else it ends at 1, 2 or 5 times a power of ten. */
export function axis(unit: Unit, figures: readonly number[]): Axis {
  const least = Math.max(Math.min(...figures), 1);
  const most = Math.max(...figures, least);
  const steps = most / least > 100 ? [1] : [1, 2, 5];
  const marks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    marks.push(...steps.map((step) => step * 10 ** power));
  }
  const from = marks.findLastIndex((mark) => mark <= least);
  const to = marks.findIndex((mark) => mark >= most && mark > least);
  const shown = marks.slice(from, to + 1);
  const [low, high] = [shown[0] as number, shown.at(-1) as number];
  const part = (figure: number): number => {
    const place = Math.log(Math.max(figure, low) / low) / Math.log(high / low);
    return Math.min(place, 1);
  };
  return { part, ticks: shown.map((at) => ({ text: text(unit, at), at })) };
}

const TIMES = ['ns', 'µs', 'ms', 's'];

function text(unit: Unit, figure: number): string {
  const first = TIMES.indexOf(unit);
  if (first < 0) return `${figure.toLocaleString('en-GB')}${unit === '/s' ? '' : ' '}${unit}`;
  const thousands = Math.floor(Math.round(Math.log10(figure) * 1e6) / 3e6);
  return `${figure / 1000 ** thousands} ${TIMES[first + thousands]}`;
}
