// From the figures of a run to what they say: medians, ratios, targets reached.
import { type Case, type Figure, moreIsBetter, type Results, type Target, type Unit } from './harness.ts';

/** The middle of some figures, and of these the middle half. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function spread(figures: readonly number[]): Spread {
  const sorted = [...figures].sort((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
    return below + (above - below) * (place % 1);
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

/** How many times better ours is, round by round; undefined where one of them has no figure. */
export function ratio(unit: Unit, theirs: Figure | undefined, ours: Figure | undefined): Spread | undefined {
  if (theirs === undefined || ours === undefined || 'failed' in theirs || 'failed' in ours) return undefined;
  const [above, below] = moreIsBetter(unit) ? [ours.rounds, theirs.rounds] : [theirs.rounds, ours.rounds];
  const pairs = Math.min(above.length, below.length);
  return spread(above.slice(0, pairs).map((one, round) => one / (below[round] as number)));
}

export interface Verdict {
  readonly target: Target;
  /** Of the implementations named, the one that came nearest to ours. */
  readonly best?: string;
  /** Undefined where none of the others could do it at all. */
  readonly measured: Spread | undefined;
  readonly required: number;
  readonly reached: boolean;
}

/** What a run says of a case's targets, `name` being ours; nothing of a target for which nothing was measured. */
export function verdicts(one: Case, results: Results, name: string): Verdict[] {
  const figures = results.figures[one.id] ?? {};
  const ours = figures[name];
  return one.targets.flatMap((target): Verdict[] => {
    if (ours === undefined) return [];
    if ('atMost' in target) return [own(target, ours)];
    const required = results.node.startsWith('20.') ? (target.onNode20 ?? target.atLeast) : target.atLeast;
    const known = target.against.filter((rival) => figures[rival] !== undefined);
    if (known.length === 0) return [];
    const rivals = known.flatMap((rival) => {
      const measured = ratio(one.unit, figures[rival], ours);
      return measured === undefined ? [] : [{ rival, measured }];
    });
    if ('failed' in ours) return [{ target, measured: undefined, required, reached: false }];
    rivals.sort((a, b) => a.measured.median - b.measured.median);
    const best = rivals[0];
    if (best === undefined) return [{ target, measured: undefined, required, reached: true }];
    return [{ target, best: best.rival, measured: best.measured, required, reached: best.measured.median >= required }];
  });
}

function own(target: { readonly atMost: number }, ours: Figure): Verdict {
  const measured = 'failed' in ours ? undefined : spread(ours.rounds);
  // To the whole unit: between two weighings the process itself allocates a few kilobytes too.
  const reached = measured !== undefined && Math.round(measured.median) <= target.atMost;
  return { target, measured, required: target.atMost, reached };
}
