import { type Cancellable, toToken } from '../core/index.ts';
import { SPARED } from './greeter.ts';
import { afterCancel, sharedNow } from './visit.ts';

/** One thing that a hop has to tell of a call. */
export interface HopReport {
  /** The id that the call was made with. */
  readonly call: string;
  /** The handler is at work; it has heard of a cancel; it has come to its end, however. */
  readonly event: 'arrived' | 'cancelled' | 'stopped';
  /**
   * When, in milliseconds on the machine's monotonic clock, as {@link benchNow} reads it (CLOCK_MONOTONIC, in other languages).
   * Absent: when the report comes in, which adds its journey to the figures. One on another clock ends the benchmark.
   */
  readonly at?: number | undefined;
  /** Which one of {@link BenchChain.hops}; absent: the last one. */
  readonly hop?: string | undefined;
}

/** A call that the benchmark wants to be made. */
export interface BenchCall {
  /** Goes along to whatever reports, by a header or in the request. */
  readonly id: string;
  /** The work is to go on until the call is cancelled; false: it is to be done at once, and nobody cancels it. */
  readonly lasting: boolean;
  /** Aborts when the caller changes its mind. */
  readonly signal: AbortSignal;
}

/** What `start` is given. */
export interface BenchContext {
  /** Takes what a hop tells, where that can be handed to this process. */
  report(report: HopReport): void;
  /** The same by POST, a report or an array of them as JSON, for hops elsewhere; {@link reporterTo} does it. */
  readonly reportUrl: string;
}

/** A chain of services that is up. */
export interface BenchChain {
  /** The names of the hops that report, each of every call that lasts, from the first to the last; default: `last` alone. */
  readonly hops?: readonly string[] | undefined;
  /** Makes one call, of the first service; resolves with its answer, or rejects. */
  call(call: BenchCall): Promise<unknown>;
  /** Ends what `start` has begun. Called however the benchmark ends, but for SIGKILL; it has 5 s. */
  end?(): void | Promise<void>;
}

/** What a module given to `nevermind bench --chain` exports as `start`. To load and to resolve it has a minute. */
export type StartChain = (bench: BenchContext) => BenchChain | Promise<BenchChain>;

/** Milliseconds on the clock that all processes of a machine share. */
export function benchNow(): number {
  return sharedNow();
}

/**
 * Tells the benchmark of one call, from within the handler that serves it: at once that it has arrived, then when it is cancelled.
 *
 * Reports leave in a later turn of the event loop, so that they are no part of what is measured; of a call that nobody is to
 * cancel, none leaves but that it was cancelled all the same.
 *
 * @param call the id of the call; null or undefined, as from a header that is not there, tells nothing
 * @param cancelled what tells the handler of a cancel: a token or an AbortSignal
 * @param report where to: {@link BenchContext.report} or {@link reporterTo}
 * @param hop as in {@link HopReport}
 * @returns to be called when the handler has come to its end, however
 * @throws TypeError when `cancelled` is neither
 */
export function witness(
  call: string | null | undefined,
  cancelled: Cancellable,
  report: (report: HopReport) => void,
  hop?: string,
): () => void {
  const token = toToken('cancelled', cancelled);
  if (call == null) return () => {};
  const spared = call.startsWith(SPARED);
  const tell = (event: HopReport['event']) => {
    if (spared && event !== 'cancelled') return;
    const at = sharedNow();
    afterCancel(() => report({ call, event, at, hop }));
  };
  tell('arrived');
  token.onCancel(() => tell('cancelled'));
  return () => tell('stopped');
}

/** Makes a function that POSTs each report to the benchmark. It never throws; a benchmark that has gone hears nothing. */
export function reporterTo(reportUrl: string | undefined): (report: HopReport) => void {
  if (reportUrl === undefined) return () => {};
  return (report) => {
    fetch(reportUrl, { method: 'POST', body: JSON.stringify(report) })
      .then((response) => response.body?.cancel())
      .catch(() => {});
  };
}
