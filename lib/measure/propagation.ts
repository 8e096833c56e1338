import type { CancellationToken } from '../core/index.ts';
import { type Caller, Chain, ChainLost } from './chain.ts';
import { type Quantiles, quantilesOf } from './quantiles.ts';

export interface PropagationOptions {
  readonly hops: number;
  readonly cancels: number;
  /** Cancels before those that count. */
  readonly warmup: number;
  readonly token: CancellationToken;
  /** Hears of each cancel that was measured, the ones to warm up included. */
  readonly onProgress?: (done: number) => void;
}

/** How fast a caller's cancel gets through the chain; figures in milliseconds from the cancel. */
export interface Propagation {
  readonly hops: number;
  readonly cancels: number;
  readonly warmup: number;
  /** For each hop in turn, until its token was cancelled; the last one is the far end of the chain. */
  readonly token: readonly { readonly hop: string; readonly quantiles: Quantiles | null }[];
  /** Until the last handler of the call had stopped, whichever hop's it was. */
  readonly stopped: Quantiles | null;
  /** Cancels that the last hop never heard of. */
  readonly misses: number;
  /** Handlers that had heard and were still at work when the wait for them was over. */
  readonly zombies: number;
}

/** How long a cancel may take before it counts as one that never arrived, in milliseconds. */
const PATIENCE_MS = 1_000;
/** How long a call may take to get to the last hop, so that a chain that is stuck is not waited for. */
const REACH_MS = 10_000;
/** More than it takes in any case: nothing but the cancel ends a call. */
const CALL = { steps: 1_000, timeoutMs: REACH_MS + 2 * PATIENCE_MS };

/**
 * Starts a chain of processes, cancels one call after another while the last hop works on it, and measures by the clock
 * that the processes share.
 *
 * @throws ChainLost, or the token's error, which has one as its cause when a process is lost; no process is left behind
 */
export async function measurePropagation(options: PropagationOptions): Promise<Propagation> {
  const { hops, cancels, warmup, token, onProgress } = options;
  const chain = await Chain.start({ hops, port: 0, propagate: true, stepMs: 20, ownStepMs: 0, token });
  try {
    const caller = await chain.caller();
    const rounds: Round[] = [];
    for (let n = 0; n < warmup + cancels; n++) {
      const round = await cancelOne(chain, caller, String(n));
      if (n >= warmup) rounds.push(round);
      onProgress?.(n + 1);
    }
    return summaryOf(
      chain.hops.map(({ name }) => name),
      rounds,
      warmup,
    );
  } finally {
    await chain.end();
  }
}

/** One cancel: for each hop, milliseconds from the cancel; null: not within {@link PATIENCE_MS}. */
export interface Round {
  readonly heard: readonly (number | null)[];
  readonly stopped: readonly (number | null)[];
}

async function cancelOne({ board, hops, token }: Chain, caller: Caller, call: string): Promise<Round> {
  const last = hops.at(-1)?.name ?? '';
  caller.call({ ...CALL, call });
  if (!(await board.within(REACH_MS, () => board.visit(call, last) !== undefined, token)))
    throw new ChainLost(`A call has not come through to hop ${last} within ${REACH_MS / 1_000} s.`);
  caller.changeMind(call);
  await board.within(PATIENCE_MS, () => board.over(call), token);
  const from = board.call(call)?.cancelledAt ?? null;
  const since = (at: number | null | undefined) => (at == null || from === null ? null : at - from);
  const visits = hops.map(({ name }) => board.visit(call, name));
  board.forget(call);
  return {
    heard: visits.map((visit) => since(visit?.heardAt)),
    stopped: visits.map((visit) => since(visit?.stoppedAt)),
  };
}

/** What many rounds come to. A round that has missed a hop has no part in that hop's figures. */
export function summaryOf(hops: readonly string[], rounds: readonly Round[], warmup: number): Propagation {
  const known = (figures: readonly (number | null | undefined)[]) => figures.filter((ms) => ms != null);
  const token = hops.map((hop, index) => ({
    hop,
    quantiles: quantilesOf(known(rounds.map(({ heard }) => heard[index]))) ?? null,
  }));
  const ended = rounds.map(({ stopped }) => known(stopped)).filter((all) => all.length === hops.length);
  return {
    hops: hops.length,
    cancels: rounds.length,
    warmup,
    token,
    stopped: quantilesOf(ended.map((all) => Math.max(...all))) ?? null,
    misses: rounds.filter(({ heard }) => heard.at(-1) == null).length,
    zombies: rounds.flatMap(({ heard, stopped }) => heard.filter((ms, hop) => ms != null && stopped[hop] == null))
      .length,
  };
}
