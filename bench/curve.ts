// How a figure grows with the size of what is asked: the slope in a log-log picture, and the law that it stands for.
import type { Figure, Results, Suite, Unit } from './harness.ts';
import { spread } from './verdict.ts';

/** Cases of one kind that differ in their size alone. */
export interface Curve {
  readonly id: string;
  readonly title: string;
  /** What the size counts, as it stands below the axis. */
  readonly by: string;
  readonly points: readonly { readonly id: string; readonly size: number }[];
}

/** What one implementation takes at one size. */
export interface Point {
  readonly size: number;
  readonly ns: number;
}

export interface Law {
  /** The exponent: twice the size takes 2 ** slope times as long. */
  readonly slope: number;
  readonly name: string;
  /** What one more of them adds, where the law is linear. */
  readonly eachNs?: number;
}

const NS: Record<Unit, number> = { ns: 1, µs: 1000, '/s': Number.NaN, B: Number.NaN };

/** Undefined where it did not come through. */
export function nsOf(suite: Suite, id: string, figure: Figure | undefined): number | undefined {
  if (figure === undefined || 'failed' in figure) return undefined;
  return spread(figure.rounds).median * NS[suite.cases.find((one) => one.id === id)?.unit ?? 'ns'];
}

/** Those sizes at which it came through, the least first. */
export function pointsOf(suite: Suite, { points }: Curve, { figures }: Results, name: string): Point[] {
  return points.flatMap(({ id, size }) => {
    const ns = nsOf(suite, id, figures[id]?.[name]);
    return ns === undefined ? [] : [{ size, ns }];
  });
}

/** A line through fewer points says nothing. */
const FEW = 3;

/** Up to which exponent it is called so. */
const NAMES: readonly (readonly [number, string])[] = [
  [0.15, 'constant'],
  [0.8, 'less than linear'],
  [1.2, 'linear'],
  [1.8, 'more than linear'],
  [2.2, 'quadratic'],
  [Number.POSITIVE_INFINITY, 'more than quadratic'],
];

/**
 * The law by the greater half of the sizes, three at least: at the lesser ones most of the time goes to what does not grow at
 * all.
 *
 * @returns undefined where there are too few points
 */
export function lawOf(points: readonly Point[]): Law | undefined {
  if (points.length < FEW) return undefined;
  const greater = points.slice(-Math.max(FEW, Math.ceil(points.length / 2)));
  const slope = steepness(greater.map(({ size, ns }) => [Math.log(size), Math.log(ns)]));
  const name = NAMES.find(([most]) => slope <= most)?.[1] ?? '';
  if (name !== 'linear') return { slope, name };
  return { slope, name, eachNs: steepness(greater.map(({ size, ns }) => [size, ns])) };
}

/** Of the line with the least squares. */
function steepness(pairs: readonly (readonly [number, number])[]): number {
  const mean = (at: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[at], 0) / pairs.length;
  const [x, y] = [mean(0), mean(1)];
  const over = pairs.reduce((sum, pair) => sum + (pair[0] - x) * (pair[1] - y), 0);
  return over / pairs.reduce((sum, pair) => sum + (pair[0] - x) ** 2, 0);
}
