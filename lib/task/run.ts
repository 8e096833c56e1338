import { type CancelDetails, type CancellationSource, type CancelReason, runAsCurrent } from '../core/index.ts';
import { awaitLimit } from './awake.ts';
import { orAbandoned } from './grace.ts';
import { checkFunction, checkTask, isLimited, sourceIn, type TaskOptions } from './options.ts';
import { failed, type Outcome, settled, stoppedBy, type Task } from './outcome.ts';

export interface RunOptions extends TaskOptions {
  /** A value that arrives after the cancel is dropped, and the outcome is a stop. Default: the value is kept. */
  readonly prompt?: boolean | undefined;
  /**
   * What else counts as a stop, e.g. a foreign AbortError. Asked for errors that are no stop of ours; unless the token was
   * cancelled, the stop has the error as its cause.
   */
  readonly isStop?: ((error: unknown) => boolean) | undefined;
}

/** A running task: the promise of its outcome, and for the one who started it the means to stop it. */
export type Run<T> = Promise<Outcome<T>> & {
  /**
   * Asks the task to stop. It does not wait: the promise tells when the task has ended.
   *
   * @param reason default `CANCELLED`
   * @returns true only to the call that made the request; false once cancelled or ended
   */
  cancel(reason?: CancelReason, details?: CancelDetails): boolean;
};

/**
 * Starts a task now, under a token of its own, and tells how it ended: the promise never rejects.
 *
 * It ends when the task has ended, not when the cancel was asked for, and by then nothing of it is left on the parent
 * token. A value that arrives after the cancel counts as a value. A task that throws at once is an error outcome. A token
 * that is already cancelled starts nothing. It does not interrupt a task that never looks at its token; `graceMs` limits
 * the wait for such a one.
 *
 * Follows stdexec's three completions, and structured stop propagation's `run`.
 *
 * @param task gets the token that its own calls should be given; it is the current one of `nevermind/ambient`, too
 * @throws TypeError or RangeError for bad arguments, before anything begins
 *
 * @example
 * const outcome = await run((token) => fetch(url, { signal: token.signal }), { timeout: 2_000 });
 * if (outcome.kind === 'value') use(outcome.value);
 */
export function run<T>(task: Task<T>, options?: RunOptions): Run<T> {
  checkTask('task', task);
  if (options?.isStop !== undefined) checkFunction('isStop', options.isStop);
  const source = sourceIn(options);
  const running = begin(task, source, options) as Run<T>;
  running.cancel = (reason, details) => source.cancel(reason, details);
  return running;
}

function begin<T>(task: Task<T>, source: CancellationSource, options: RunOptions | undefined): Promise<Outcome<T>> {
  const { token } = source;
  if (token.cancelled) return Promise.resolve(stoppedBy(token));
  const ended = lead(task, source, options);
  if (isLimited(options)) void ended.then(awaitLimit(token));
  return options?.graceMs === undefined ? ended : orAbandoned(ended, token, options.graceMs);
}

/** Calls the task and waits for its end; never rejects. */
function lead<T>(task: Task<T>, source: CancellationSource, options: RunOptions | undefined): Promise<Outcome<T>> {
  const { token } = source;
  const failure = (error: unknown): Outcome<T> => {
    const outcome = failed(error, token, options?.isStop);
    source.close();
    return outcome;
  };
  const success = (value: T): Outcome<T> => {
    const outcome: Outcome<T> = options?.prompt && token.cancelled ? stoppedBy(token) : { kind: 'value', value };
    source.close();
    return outcome;
  };
  try {
    return settled(
      runAsCurrent(token, () => task(token)),
      success,
      failure,
    );
  } catch (error) {
    return Promise.resolve(failure(error));
  }
}
