import type { Seen } from './contest.ts';
import { stops } from './summary.ts';

/** Figures of one kind, to be drawn beside others. */
export interface Row {
  readonly name: string;
  /** Milliseconds. */
  readonly figures: readonly number[];
  readonly floor: boolean;
}

/** What there is to draw of a run: each hop, the last handler, and the far end of the floor. */
export function rowsOf(seen: Seen, floor: Seen | undefined): Row[] {
  const heard = (of: Seen, hop: number) => of.rounds.flatMap((round) => round.heard[hop] ?? []);
  const rows = seen.hops.map((name, hop) => ({ name, figures: heard(seen, hop), floor: false }));
  rows.push({ name: 'stopped', figures: stops(seen.rounds), floor: false });
  if (floor === undefined) return rows;
  return [...rows, { name: 'floor', figures: heard(floor, floor.hops.length - 1), floor: true }];
}

/** A logarithmic axis, from `fromMs` to `toMs`. */
export interface LogAxis {
  readonly fromMs: number;
  readonly toMs: number;
}

/** An axis on which all rows have room; undefined when there is nothing on them. */
export function axisOf(rows: readonly Row[]): LogAxis | undefined {
  const all = rows.flatMap(({ figures }) => figures);
  if (all.length === 0) return undefined;
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, LEAST_MS];
  for (const ms of all) {
    fromMs = Math.min(fromMs, Math.max(ms, LEAST_MS));
    toMs = Math.max(toMs, ms);
  }
  return { fromMs: fromMs / MARGIN, toMs: toMs * MARGIN };
}

/** Where a figure lies on an axis, from 0 to 1. */
export function place({ fromMs, toMs }: LogAxis, ms: number): number {
  return Math.min(Math.max(Math.log(ms / fromMs) / Math.log(toMs / fromMs), 0), 1);
}

/** How many figures lie in each of so many equal parts of the axis. */
export function bins(axis: LogAxis, figures: readonly number[], count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const ms of figures) {
    const bin = Math.min(Math.floor(place(axis, ms) * count), count - 1);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

/** The powers of ten on an axis; where there are not even two, their halves and fifths too. */
export function ticks({ fromMs, toMs }: LogAxis): number[] {
  const powers = Array.from({ length: 9 }, (_, index) => 10 ** (index - 4));
  const on = (values: readonly number[]) => values.filter((ms) => ms >= fromMs && ms <= toMs);
  const few = on(powers);
  return few.length > 1 ? few : on(powers.flatMap((ms) => [ms, 2 * ms, 5 * ms]));
}

/** Less than the clock can tell. */
const LEAST_MS = 0.001;
const MARGIN = 1.15;
