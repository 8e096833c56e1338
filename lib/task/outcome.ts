// The three ways in which a task ends, and the way between them and a promise, which knows only two.
import { CancellationError, type CancellationToken, CancelReason, isCancellation } from '../core/index.ts';

/** Work that has not begun: nothing runs until somebody starts it with the token that may stop it. */
export type Task<T> = (token: CancellationToken) => Promise<T> | T;

/**
 * How a task ended: with a value, with an error, or stopped, which says that its cancellation is complete.
 *
 * `suppressed` is there only when something else went wrong that could not change the outcome: errors of tasks that
 * lost, errors of clean-up, and an {@link AbandonedError} for each task that was left running.
 */
export type Outcome<T> = (
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'stopped'; readonly error: CancellationError }
) & { readonly suppressed?: readonly unknown[] };

/** A value that need not be there; so that a void task that has ended differs from one that was stopped. */
export type Optional<T> = { readonly value: T } | undefined;

/** A task ignored its token for longer than it was given, and was left running. */
export class AbandonedError extends Error {
  /** Its place in the list, or in a scope the order of its start, where the body is 0. */
  readonly index: number | undefined;
  /** How it ended after all, should it ever; never rejects. */
  readonly ended: Promise<Outcome<unknown>>;

  constructor(graceMs: number, ended: Promise<Outcome<unknown>>, index?: number) {
    const which = index === undefined ? 'The task' : `Task ${index}`;
    super(`${which} had not ended ${graceMs} ms after its cancel and was left running; let it heed its token.`);
    this.name = 'AbandonedError';
    this.index = index;
    this.ended = ended;
  }
}

const { then } = Promise.prototype;

/**
 * What `await` does with a result, in two functions: it settles once, whatever the result's own `then` may do. An exception
 * that an async function catches costs as much again as all the rest of a stop.
 */
export function settled<T, U>(
  result: PromiseLike<T> | T,
  success: (value: T) => U,
  failure: (error: unknown) => U,
): Promise<U> {
  return then.call(Promise.resolve(result), success as (value: unknown) => U, failure) as Promise<U>;
}

/**
 * What of an error is a stop: our CancellationError, or an error that is, or whose `cause` is, this token's reason.
 *
 * @returns undefined for an error proper, which a foreign AbortError or TimeoutError is too
 */
export function stopOf(error: unknown, token: CancellationToken): CancellationError | undefined {
  try {
    if (isCancellation(error)) return error;
    const own = token.error;
    if (own === undefined) return undefined;
    const cause = typeof error === 'object' ? (error as Error | null)?.cause : undefined;
    if (cause === own) return own;
    // Where a foreign signal began the cancel, platform functions reject with its reason. A canceller may have named
    // the same object as a mere cause, so the signal is asked; it would be made for that, and so it is asked last.
    const foreign = own.cause;
    const same = foreign !== undefined && (error === foreign || cause === foreign);
    return same && token.signal.reason === foreign ? own : undefined;
  } catch {
    return undefined; // An error whose `cause` throws when it is read is none of ours.
  }
}

/**
 * The outcome of a task that threw.
 *
 * @param isStop judges what is no stop of ours
 */
export function failed(error: unknown, token: CancellationToken, isStop?: (error: unknown) => boolean): Outcome<never> {
  const stop = stopOf(error, token);
  if (stop !== undefined) return rewrapped(stop);
  try {
    if (!isStop?.(error)) return { kind: 'error', error };
  } catch (judging) {
    return { kind: 'error', error, suppressed: [judging] };
  }
  return { kind: 'stopped', error: token.error ?? new CancellationError(CancelReason.CANCELLED, { cause: error }) };
}

/** The errors that a stop has on its way as an exception. */
class AfterStop extends AggregateError {
  readonly stop: CancellationError;

  constructor(errors: readonly unknown[], stop: CancellationError) {
    super(errors, `${errors.length} ${errors.length === 1 ? 'error' : 'errors'} after the stop.`, { cause: stop });
    this.name = 'AggregateError';
    this.stop = stop;
  }
}

/** A stop's outcome as it was before {@link unwrap}, so that groups within groups lose no error. */
function rewrapped(stop: CancellationError): Outcome<never> {
  const { cause } = stop;
  return cause instanceof AfterStop
    ? { kind: 'stopped', error: cause.stop, suppressed: cause.errors }
    : { kind: 'stopped', error: stop };
}

/** The outcome of what a cancelled token kept from running, or from being heard. */
export function stoppedBy(token: CancellationToken): Outcome<never> {
  return { kind: 'stopped', error: token.error as CancellationError };
}

/** What must not get lost of an outcome that does not decide. */
export function keptOf(outcome: Outcome<unknown>): readonly unknown[] {
  const suppressed = outcome.suppressed ?? [];
  return outcome.kind === 'error' ? [outcome.error, ...suppressed] : suppressed;
}

/** The same outcome, with what else went wrong. */
export function suppressing<T>(outcome: Outcome<T>, errors: Iterable<unknown>): Outcome<T> {
  const all = new Set([...(outcome.suppressed ?? []), ...errors]);
  if (outcome.kind === 'error') all.delete(outcome.error);
  return all.size === 0 ? outcome : { ...outcome, suppressed: [...all] };
}

/**
 * Brings an outcome back to the promise's edge: returns the value, throws the error or the stop.
 *
 * Nothing gets lost on the way: with suppressed errors, it throws an AggregateError of all of them, the first one first;
 * or, for a stop, a CancellationError of the same reason that has such an AggregateError as its cause. What a value
 * suppressed is on the outcome alone.
 */
export function unwrap<T>(outcome: Outcome<T>): T {
  if (outcome.kind === 'value') return outcome.value;
  const { error, suppressed } = outcome;
  if (suppressed === undefined) throw error;
  if (outcome.kind === 'error') {
    throw new AggregateError([error, ...suppressed], `${suppressed.length + 1} errors; the first one decided.`, {
      cause: error,
    });
  }
  const { reason, description } = outcome.error;
  throw new CancellationError(reason, { description, cause: new AfterStop(suppressed, outcome.error) });
}
