import { type CancellationError, isCancellation, stackless } from './error.ts';
import { type CancelDetails, CancelReason } from './reason.ts';

/**
 * What cancelled a token: a reason alone, until somebody asks for more than that or another token is to share it. Most
 * cancels end there, and the object would be a third of their price.
 */
export type Cancel = CancelReason | Cancellation;

export function reasonIn(cancel: Cancel): CancelReason {
  return typeof cancel === 'object' ? cancel.reason : cancel;
}

/** One cancel, shared by all tokens that it reached. Its error is made when somebody first asks for it. */
export class Cancellation {
  readonly reason: CancelReason;
  readonly details: CancelDetails | undefined;
  made: CancellationError | undefined;
  /** The reason that a foreign signal was aborted with; `signal.reason` of every linked token shows this very value. */
  readonly foreign: { readonly reason: unknown } | undefined;

  constructor(reason: CancelReason, details?: CancelDetails, made?: CancellationError, foreign?: { reason: unknown }) {
    this.reason = reason;
    this.details = details;
    this.made = made;
    this.foreign = foreign;
  }

  get error(): CancellationError {
    this.made ??= stackless(this.reason, this.details);
    return this.made;
  }

  get signalReason(): unknown {
    return this.foreign === undefined ? this.error : this.foreign.reason;
  }
}

/** What the abort of a signal is to us: our own error is taken as it is, anything else becomes the `cause` of one. */
export function cancellationOf(signal: AbortSignal): Cancellation {
  const { reason } = signal;
  if (isCancellation(reason)) return new Cancellation(reason.reason, undefined, reason);
  return new Cancellation(reasonFor(reason), { cause: reason }, undefined, { reason });
}

/** A signal may be aborted with anything: a proxy that was revoked, an object with a getter that throws. */
function reasonFor(foreign: unknown): CancelReason {
  try {
    if (typeof foreign === 'object' && (foreign as Error).name === 'TimeoutError') return CancelReason.TIMEOUT;
  } catch {}
  return CancelReason.CANCELLED;
}
