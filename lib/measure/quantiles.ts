/** Where a set of figures lies, each by nearest rank: a figure that was measured, none in between. */
export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** @returns undefined for an empty set */
export function quantilesOf(figures: readonly number[]): Quantiles | undefined {
  const sorted = [...figures].sort((a, b) => a - b);
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  // Per cent, as 0.9 * 70 is a little more than 63.
  const at = (percent: number) => sorted[Math.ceil((percent * sorted.length) / 100) - 1] ?? max;
  return { p50: at(50), p90: at(90), p99: at(99), max };
}
