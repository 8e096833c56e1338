import { type Cancellable, CancellationToken, toToken } from '../core/index.ts';
import { checkLimit, checkOptions } from './options.ts';
import { type Outcome, stoppedBy, suppressing, type Task, unwrap } from './outcome.ts';
import { run } from './run.ts';

export interface ShieldOptions {
  /** How long the task may take, in milliseconds; then its token is cancelled with `TIMEOUT`. Infinity: no limit. */
  readonly timeout: number;
  /** Whose cancel waits until the task has ended. */
  readonly parent?: Cancellable | undefined;
  /** How long the task may take to end after the limit, before it is left running. Default 0: a turn of the event loop. */
  readonly graceMs?: number | undefined;
  /** Shown by inspectors. */
  readonly name?: string | undefined;
}

/**
 * Runs a task to its end in spite of a cancel, within a limit: for clean-up that has to wait for something, and for steps
 * that are paid for already. It starts under a cancelled parent too.
 *
 * Cancellation: a stop that the parent was asked for meanwhile is delivered at the end, in place of the value; an error of
 * the task comes first. At the limit the task's token is cancelled, and the promise rejects with that CancellationError,
 * even if the task ignores its token. Cancels from within the task work as always.
 *
 * Follows trio's shielded cancel scope with a timeout.
 *
 * @param task gets a token that knows neither the parent's cancel nor its deadline
 * @throws TypeError or RangeError for bad arguments, before anything begins
 *
 * @example
 * await shield((token) => connection.rollback(token), { timeout: 5_000, parent: token });
 */
export function shield<T>(task: Task<T>, options: ShieldOptions): Promise<T> {
  checkOptions(options);
  const { timeout, parent, graceMs = 0, name } = options;
  checkLimit('timeout', timeout);
  const outer = parent === undefined ? CancellationToken.none : toToken('parent', parent);
  const running = run(task, { token: CancellationToken.none, timeout, graceMs, name });
  return running.then((outcome) => unwrap(outer.cancelled ? overruled(outcome, outer) : outcome));
}

/** The parent's stop, which says too what came of the task if that was no value. */
function overruled<T>(outcome: Outcome<T>, outer: CancellationToken): Outcome<T> {
  if (outcome.kind === 'error') return outcome;
  const own = outcome.kind === 'stopped' ? [outcome.error, ...(outcome.suppressed ?? [])] : [];
  return suppressing(stoppedBy(outer), own);
}
