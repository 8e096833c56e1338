// A stop that the work itself decided on, and what may become of it. Containment is for stops from below: one that the
// token asked for belongs to whoever asked, and goes through all of these (E17).
import { CancellationError, type CancellationToken, CancelReason } from '../core/index.ts';
import { checkFunction, checkTask } from './options.ts';
import { failed, keptOf, type Optional, stoppedBy, suppressing, type Task, unwrap } from './outcome.ts';

export interface ContainOptions {
  /** Contains a stop that the token asked for as well. */
  readonly containOuter?: boolean | undefined;
}

/**
 * Stops here: throws a CancellationError, though nobody has asked for it. No token is cancelled by it, and siblings hear
 * of it only from the function that waits for this task.
 *
 * @param description ends up in the error's message
 */
export function justStopped(description?: string): never {
  throw new CancellationError(CancelReason.CANCELLED, { description });
}

/**
 * A task whose stop is a value: `{ value }` when the given task yields one, undefined when it stops by itself. Errors pass;
 * those that came after the stop are contained with it.
 *
 * A stop that the token asked for is not contained, not even when the task yields a value all the same; unless
 * `containOuter` says so.
 */
export function stoppedAsOptional<T>(task: Task<T>, options?: ContainOptions): Task<Optional<T>> {
  checkTask('task', task);
  const wrapped: Task<{ value: T }> = async (token) => ({ value: await task(token) });
  return contain(wrapped, () => undefined, options);
}

/**
 * A task whose stop is an error: what `makeError` makes of it. Values and errors pass; a stop that the token asked for
 * stays one, unless `containOuter` says otherwise.
 */
export function stoppedAsError<T>(
  task: Task<T>,
  makeError: (stop: CancellationError) => Error,
  options?: ContainOptions,
): Task<T> {
  checkFunction('makeError', makeError);
  const fail = (stop: CancellationError): never => {
    throw makeError(stop);
  };
  return contain(task, fail, options);
}

/**
 * A task that goes on with `then` when the given one stops: with its value, its error, or its own stop. Values and errors
 * pass; for a stop that the token asked for `then` is not called, unless `containOuter` says so.
 */
export function uponStopped<T, U>(
  task: Task<T>,
  then: (stop: CancellationError, token: CancellationToken) => Promise<U> | U,
  options?: ContainOptions,
): Task<T | U> {
  checkFunction('then', then);
  return contain(task, then, options);
}

function contain<T, U>(
  task: Task<T>,
  onStop: (stop: CancellationError, token: CancellationToken) => Promise<U> | U,
  options: ContainOptions | undefined,
): Task<T | U> {
  checkTask('task', task);
  const outer = options?.containOuter === true;
  return async (token) => {
    let value: T;
    try {
      token.throwIfCancelled();
      value = await task(token);
    } catch (error) {
      const outcome = failed(error, token);
      if (outcome.kind !== 'stopped') throw error;
      if (!outer && token.cancelled) return unwrap(suppressing(stoppedBy(token), keptOf(outcome)));
      return onStop(outcome.error, token);
    }
    if (!outer) token.throwIfCancelled();
    return value;
  };
}
