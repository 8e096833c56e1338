import { checkLimit, checkOptions } from './options.ts';
import { type Task, unwrap } from './outcome.ts';
import { type RunOptions, run } from './run.ts';

/** What `withTimeout` and `withDeadline` take besides the time. */
export type WithinOptions = Omit<RunOptions, 'timeout' | 'deadline'>;

/**
 * Runs a task for at most so long, counted from now: at the limit its token is cancelled with `TIMEOUT`.
 *
 * The promise settles when the task has ended; `graceMs` limits that wait. A value that arrives after the limit all the
 * same is a value. 0: the task is not started.
 *
 * Cancellation: rejects with the CancellationError of the limit or of the token, whichever came first.
 *
 * @param ms milliseconds; for a time that may have passed already use {@link withDeadline}
 * @throws TypeError or RangeError for bad arguments, a negative limit among them, before anything begins
 *
 * @example
 * const user = await withTimeout(2_000, (token) => fetchUser(id, token), { token });
 */
export function withTimeout<T>(ms: number, task: Task<T>, options?: WithinOptions): Promise<T> {
  checkLimit('ms', ms);
  if (options !== undefined) checkOptions(options);
  return run(task, { ...options, timeout: ms, deadline: undefined }).then(unwrap);
}

/**
 * Runs a task until a point in time at most; see {@link withTimeout}. A token's earlier deadline comes first.
 *
 * @param at on the monotonic clock of `clock.now()`; past: the task is not started; Infinity: no limit
 */
export function withDeadline<T>(at: number, task: Task<T>, options?: WithinOptions): Promise<T> {
  if (options !== undefined) checkOptions(options);
  return run(task, { ...options, timeout: undefined, deadline: at }).then(unwrap);
}
