import type { Seen } from './contest.ts';
import { stops } from './summary.ts';

/** How many times as long as on the floor something took, and where the ratio lies with 95 % certainty, by these pairs. */
export interface Ratio {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** What a gate looks at: until the last hop had heard, and until the last handler had stopped. */
export interface Ratios {
  readonly heard: Ratio;
  readonly stopped: Ratio;
}

/** The least number of pairs that says anything. */
const FEW = 10;

/**
 * The middle one of the ratios, pair by pair: each cancel over the one on the floor that was made right beside it. What slows
 * the machine down for a while slows down both.
 *
 * @returns undefined where there are too few pairs
 */
export function ratiosOf(seen: Seen, floor: Seen): Ratios | undefined {
  const heard = ratioOf(seen.rounds.map(last), floor.rounds.map(last));
  const stopped = ratioOf(seen.rounds.map(stop), floor.rounds.map(stop));
  return heard === undefined || stopped === undefined ? undefined : { heard, stopped };
}

function last({ heard }: Seen['rounds'][number]): number | undefined {
  return heard.at(-1) ?? undefined;
}

function stop(round: Seen['rounds'][number]): number | undefined {
  return stops([round])[0];
}

type Figures = readonly (number | undefined)[];

function ratioOf(ours: Figures, theirs: Figures): Ratio | undefined {
  const ratios = ours.flatMap((ms, pair) => {
    const floor = theirs[pair];
    return ms === undefined || floor === undefined ? [] : [ms / floor];
  });
  if (ratios.length < FEW) return undefined;
  ratios.sort((a, b) => a - b);
  const at = (rank: number) => ratios[rank] as number;
  // The ranks between which the median of all lies, whatever the figures are distributed like: half of n, and 1.96 standard
  // deviations of a fair coin thrown n times to either side; a part of a rank counts as a whole one.
  const middle = (ratios.length - 1) / 2;
  const reach = (1.96 * Math.sqrt(ratios.length)) / 2;
  return { ratio: at(Math.round(middle)), low: at(Math.floor(middle - reach)), high: at(Math.ceil(middle + reach)) };
}
