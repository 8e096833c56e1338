import type { Held } from './baseline.ts';
import type { Ratio, Ratios } from './ratio.ts';
import type { Propagation } from './summary.ts';

export interface Limits {
  /** What the last hop may take, as a ratio to the floor. */
  readonly budget?: number | undefined;
  /** What it has taken before, and by how much more, as a part of it, it may take now. */
  readonly baseline?: Held | undefined;
  readonly tolerance: number;
}

/**
 * What got worse, in sentences; none: the gate is open.
 *
 * A lost cancel, a false one, one that came after the call's end and a zombie fail always. A ratio fails when it lies above its
 * limit with all of its interval: a run that only may have been slower does not.
 */
export function worse(figures: Propagation, ratios: Ratios | undefined, limits: Limits): string[] {
  return [...faults(figures), ...(ratios === undefined ? [] : slower(figures, ratios, limits))];
}

/** What fails whatever the limits. */
export function faults({ cancels, early, misses, zombies, spared, falseCancels }: Propagation): string[] {
  return [
    ...(early > 0 ? [`${early} of ${cancels} calls had ended before they were cancelled`] : []),
    ...(misses > 0 ? [`${misses} of ${cancels} cancels never arrived`] : []),
    ...(zombies > 0 ? [`${zombies} ${zombies === 1 ? 'handler' : 'handlers'} ran on after a cancel`] : []),
    ...(falseCancels > 0 ? [`${falseCancels} of ${spared} calls that nobody cancelled came to an early end`] : []),
  ];
}

function slower(figures: Propagation, { heard, stopped }: Ratios, limits: Limits): string[] {
  const { budget, baseline, tolerance } = limits;
  const last = `${figures.token.at(-1)?.hop}'s token cancelled`;
  const found: string[] = [];
  if (budget !== undefined && heard.low > budget) found.push(`${last} ${times(heard)}, the budget is ${budget}x`);
  if (baseline === undefined) return found;
  const judge = (what: string, ratio: Ratio, before: number) => {
    const limit = before * (1 + tolerance);
    if (ratio.low <= limit) return;
    const allowed = `${before.toFixed(2)}x + ${Math.round(tolerance * 100)} % allowed`;
    found.push(`${what} ${times(ratio)}, ${allowed}`);
  };
  judge(last, heard, baseline.heard);
  judge('last handler stopped', stopped, baseline.stopped);
  return found;
}

function times({ ratio, low, high }: Ratio): string {
  return `at ${ratio.toFixed(2)}x the floor (${low.toFixed(2)}–${high.toFixed(2)})`;
}
