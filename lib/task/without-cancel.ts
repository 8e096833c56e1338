import { type Cancellable, CancellationToken, toToken } from '../core/index.ts';
import { type OnLate, orLeft } from './grace.ts';
import { checkFunction, checkOptions, type TaskOptions } from './options.ts';
import type { Outcome, Task } from './outcome.ts';
import { run } from './run.ts';

export interface WithoutCancelOptions<T> extends Omit<TaskOptions, 'token'> {
  /** What still stops the work: the token that is cancelled when the process shuts down. */
  readonly shutdown?: Cancellable | undefined;
  /** Whose cancel ends the wait for the work, and not the work. */
  readonly token?: Cancellable | undefined;
  /** Gets the outcome when nobody waits for it any more. What it throws is reported as an uncaught error. */
  readonly onLate?: OnLate<T> | undefined;
}

/**
 * Runs work that must survive the one who asked for it: no caller's cancel or deadline reaches it, `shutdown` alone does.
 * It starts under a cancelled `token` too, and begins before this returns.
 *
 * Cancellation: when `token` is cancelled, the promise answers with the stop at once while the work goes on, and its
 * outcome goes to `onLate`. The promise never rejects, so that nobody has to wait for it.
 *
 * Follows Go's `context.WithoutCancel`.
 *
 * @throws TypeError or RangeError for bad arguments, before anything begins
 *
 * @example
 * void withoutCancel((token) => sendReceipt(order, token), { shutdown }); // The answer does not wait for this.
 */
export function withoutCancel<T>(task: Task<T>, options?: WithoutCancelOptions<T>): Promise<Outcome<T>> {
  if (options !== undefined) checkOptions(options);
  const { shutdown = CancellationToken.none, token, onLate, ...rest } = options ?? {};
  const own = toToken('shutdown', shutdown);
  const caller = token === undefined ? CancellationToken.none : toToken('token', token);
  if (onLate !== undefined) checkFunction('onLate', onLate);
  return orLeft(run(task, { ...rest, token: own }), caller, onLate);
}
