import type { CancellationToken } from '../core/index.ts';
import { ChainLost } from './chain.ts';
import { REACH, type Round, type RoundOptions, Rounds } from './round.ts';
import type { Subject } from './subject.ts';

export interface ContestOptions extends RoundOptions {
  readonly cancels: number;
  /** Cancels before those that count. */
  readonly warmup: number;
  /** Calls that are under way all the time, on each subject, and that nobody cancels. */
  readonly load: number;
  /** Ends it; what was measured until then is the result. */
  readonly token: CancellationToken;
  /** Hears of each cancel of all subjects, the ones to warm up included. */
  readonly onProgress?: (done: number) => void;
}

/** What was seen of one subject. */
export interface Seen {
  readonly hops: readonly string[];
  readonly rounds: readonly Round[];
  /** Calls that nobody has cancelled, and how many of these came to an early end all the same. */
  readonly spared: number;
  readonly falseCancels: number;
}

/** One in so many calls is spared, so that a false cancel shows without a load too. */
const SPARE_EACH = 10;

/**
 * Cancels calls on all subjects in turn, one on each, the order reversed each time: whatever the machine does beside it, it
 * does to all of them.
 *
 * @throws ChainLost, or a subject's token's error, when a process is lost
 */
export async function contest(subjects: readonly Subject[], options: ContestOptions): Promise<Seen[]> {
  const { cancels, warmup, token, onProgress } = options;
  // What was cancelled to warm up is no result, whoever ends it.
  let warm = warmup === 0;
  const all = subjects.map((subject) => ({ subject, rounds: new Rounds(subject, options), spared: 0 }));
  try {
    if (options.load > 0) for (const { load } of subjects) load(options.load);
    for (let n = 1; n <= warmup + cancels; n++) {
      for (const one of n % 2 === 0 ? [...all].reverse() : all) {
        await one.rounds.cancelOne();
        if (n % SPARE_EACH === 0) {
          await one.rounds.spareOne();
          one.spared++;
        }
      }
      if (n === warmup) {
        for (const { rounds } of all) await rounds.reset();
        warm = true;
      }
      onProgress?.(n);
    }
    for (const one of all) {
      await one.rounds.settle();
      if (options.load > 0) one.spared += await loadOf(one.subject, options.patienceMs);
    }
  } catch (error) {
    if (!token.cancelled) throw error;
  }
  return all.map(({ subject: { hops, board }, rounds, spared }) => ({
    hops,
    rounds: warm ? rounds.done : [],
    spared,
    falseCancels: board.strays.size,
  }));
}

/** Ends the load. @returns how many calls it has made */
async function loadOf({ board, load, token }: Subject, patienceMs: number): Promise<number> {
  load(0);
  const reachMs = REACH * patienceMs;
  if (await board.within(reachMs, () => board.loaded !== undefined, token)) return board.loaded ?? 0;
  throw new ChainLost(`The calls of the load have not come to their end within ${reachMs / 1_000} s.`);
}
