import type { Seen } from './contest.ts';
import { type Quantiles, quantilesOf } from './quantiles.ts';

/** How fast a caller's cancel gets through a chain; figures in milliseconds from the cancel. */
export interface Propagation {
  readonly cancels: number;
  /** For each hop in turn, until its token was cancelled; the last one is the far end of the chain. */
  readonly token: readonly { readonly hop: string; readonly quantiles: Quantiles | null }[];
  /** Until the last handler of the call had stopped, whichever hop's it was. */
  readonly stopped: Quantiles | null;
  /** Calls that had come to an end before they were cancelled: of their cancels nothing is to be heard. */
  readonly early: number;
  /** Cancels of which a hop that had the call never heard. */
  readonly misses: number;
  /** Handlers that had heard and were still at work when the wait for them was over. */
  readonly zombies: number;
  /** Cancels that were there before the last hop had the call: nothing is to be heard, and none is a miss. */
  readonly unstarted: number;
  /** Calls that nobody cancelled, and of these the ones that were cancelled or failed all the same. */
  readonly spared: number;
  readonly falseCancels: number;
}

/** What many rounds come to. A round that has missed a hop has no part in that hop's figures. */
export function summaryOf({ hops, rounds, spared, falseCancels }: Seen): Propagation {
  const token = hops.map((hop, index) => ({
    hop,
    quantiles: quantilesOf(known(rounds.map(({ heard }) => heard[index]))) ?? null,
  }));
  return {
    cancels: rounds.length,
    token,
    stopped: quantilesOf(stops(rounds)) ?? null,
    early: rounds.filter(({ early }) => early).length,
    misses: rounds.filter(({ arrived, heard }) => arrived.some((came, hop) => came && heard[hop] == null)).length,
    zombies: rounds.flatMap(({ heard, stopped }) => heard.filter((ms, hop) => ms != null && stopped[hop] == null))
      .length,
    unstarted: rounds.filter(({ early, arrived }) => !early && arrived.at(-1) !== true).length,
    spared,
    falseCancels,
  };
}

/** Until the last handler had stopped, of the rounds in which all did. */
export function stops(rounds: Seen['rounds']): number[] {
  return rounds.flatMap(({ arrived, stopped }) => {
    const ended = known(stopped);
    return ended.length > 0 && ended.length === arrived.filter(Boolean).length ? [Math.max(...ended)] : [];
  });
}

function known(figures: readonly (number | null | undefined)[]): number[] {
  return figures.filter((ms) => ms != null);
}
