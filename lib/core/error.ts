import { checkDetails, checkReason } from './argument.ts';
import { CancelReason, sentence } from './reason.ts';

const brand = Symbol.for('nevermind.CancellationError');

/** Chains of `cause` longer than this are taken for loops. */
const MAX_CAUSES = 32;

/**
 * The error of a cancelled token: what `throwIfCancelled()` throws, callbacks receive and `signal.reason` shows.
 *
 * There is one object per cancel, shared by all that were cancelled by it, so identity tells whose cancel it was. Its
 * `name` is the platform's (DOM standard): 'TimeoutError' for `TIMEOUT`, else 'AbortError'. `instanceof` holds across
 * copies of this package. It is made when somebody first reads it and has no stack, as the place of that first read
 * would mislead; give `cause: new Error()` to a cancel whose place matters.
 */
export class CancellationError extends DOMException {
  // Declared alone: a field is defined first and set then, and a hop that is woken by a cancel does all for the first time.
  declare readonly reason: CancelReason;
  /** What the canceller said, e.g. 'user closed the tab'. */
  declare readonly description?: string;
  declare readonly cause?: unknown;

  /**
   * @param reason why; default `CANCELLED`
   * @param details `description` joins the message, `cause` is kept as it is, also when it is undefined but present
   * @throws TypeError for an unknown reason or details of a wrong type
   */
  constructor(
    reason: CancelReason = CancelReason.CANCELLED,
    details?: { description?: string | undefined; cause?: unknown },
  ) {
    checkReason(reason);
    if (details !== undefined) checkDetails(details);
    const description = details?.description;
    const message = description === undefined ? sentence[reason] : `${sentence[reason]}: ${description}`;
    super(message, reason === CancelReason.TIMEOUT ? 'TimeoutError' : 'AbortError');
    this.reason = reason;
    if (description !== undefined) this.description = description;
    if (details !== undefined && 'cause' in details) {
      Object.defineProperty(this, 'cause', { value: details.cause, configurable: true, writable: true });
    }
  }

  /** True for a CancellationError of any copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== CancellationError) return Function.prototype[Symbol.hasInstance].call(this, value);
    try {
      return typeof value === 'object' && value !== null && brand in value;
    } catch {
      // A proxy that was revoked.
      return false;
    }
  }
}

Object.defineProperty(CancellationError.prototype, brand, { value: true });

/** V8's limit belongs to no standard, so only Node's types know it; where there is none, it is not ours to set. */
const host = Error as ErrorConstructor & { stackTraceLimit: number };

/** Makes the error without the walk of the stack, which is most of its price: a cancel pays for it at every hop. */
export function stackless(
  reason: CancelReason,
  details?: { description?: string | undefined; cause?: unknown },
): CancellationError {
  const limit = host.stackTraceLimit;
  if (!stackLimitIsOurs) return new CancellationError(reason, details);
  host.stackTraceLimit = 0;
  try {
    return new CancellationError(reason, details);
  } finally {
    host.stackTraceLimit = limit;
  }
}

/** Some hosts freeze `Error`; asked once, as the answer can't change while we run. */
const stackLimitIsOurs = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.writable === true;

/** True for a {@link CancellationError}, from whichever copy of this package; a foreign AbortError is none. */
export function isCancellation(error: unknown): error is CancellationError {
  return error instanceof CancellationError;
}

/**
 * Finds the reason in an error: the error itself, or the first CancellationError along its `cause` chain, which is where
 * Node's own AbortErrors keep it.
 *
 * @returns undefined when no cancel of ours is behind the error; a foreign AbortError has no reason
 */
export function reasonOf(error: unknown): CancelReason | undefined {
  let at = error;
  for (let i = 0; i < MAX_CAUSES && typeof at === 'object' && at !== null; i++) {
    if (isCancellation(at)) return at.reason;
    at = (at as { cause?: unknown }).cause;
  }
  return undefined;
}
