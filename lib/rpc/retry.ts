import { retry as again, proactiveRetry } from '../abortable/index.ts';
import { expected } from '../core/index.ts';
import { checkAtLeast } from './at-least.ts';
import { RpcError } from './error.ts';
import type { InterceptedCall, Interceptor } from './interceptor.ts';

export interface RetryOptions {
  /** How often a call is sent at most, the first time included; default 3. */
  readonly maxAttempts?: number | undefined;
  /** The pause before the second attempt, in milliseconds, with jitter; it doubles each time. Default 50. */
  readonly baseMs?: number | undefined;
  /** The longest pause, in milliseconds; default 1,000. */
  readonly maxDelayMs?: number | undefined;
}

/**
 * Sends a call again that has failed with `unavailable`: one that was certainly never processed, whatever its method; one that
 * may have been, where the method is idempotent.
 *
 * All attempts share the call's deadline, and none begins for which a pause would not leave any time. Streams go as they are:
 * what has been handed out can't be taken back.
 *
 * Cancellation: as of a call that is sent once.
 *
 * @throws TypeError or RangeError for a time, or a number of attempts, that is none
 */
export function retry(options: RetryOptions = {}): Interceptor {
  const { maxAttempts = 3, baseMs = 50, maxDelayMs = 1_000 } = options;
  check(maxAttempts, { baseMs, maxDelayMs });
  return (call, next) => {
    if (call.kind !== 'unary') return next(call);
    const onError = (error: unknown, _attempt: number, delayMs: number): void => {
      if (!mayAgain(error, call) || call.token.remaining() <= delayMs) throw error;
    };
    return again(call.token, () => next(call), { maxAttempts, baseMs, maxDelayMs, onError });
  };
}

export interface HedgeOptions {
  /** How long one attempt is waited for before the next one is sent beside it, in milliseconds; it doubles each time. */
  readonly afterMs: number;
  /** How many are sent at most; default 2. */
  readonly maxAttempts?: number | undefined;
}

/**
 * Sends a call of an idempotent method again while the first is still under way, takes the first answer, and cancels the rest.
 * Calls of other methods go as they are.
 *
 * An attempt that fails with anything but `unavailable` ends the call with that error.
 *
 * @throws TypeError or RangeError for a time, or a number of attempts, that is none
 */
export function hedge({ afterMs, maxAttempts = 2 }: HedgeOptions): Interceptor {
  check(maxAttempts, { afterMs });
  return (call, next) => {
    if (!call.idempotent) return next(call);
    const onError = (error: unknown): void => {
      if (!mayAgain(error, call)) throw error;
    };
    return proactiveRetry(call.token, (token) => next({ ...call, token }), { baseMs: afterMs, maxAttempts, onError });
  };
}

function check(maxAttempts: number, times: Readonly<Record<string, number>>): void {
  for (const [name, ms] of Object.entries(times)) checkAtLeast(0, name, ms);
  checkAtLeast(1, 'maxAttempts', maxAttempts);
  if (maxAttempts % 1 > 0) throw new RangeError(expected('maxAttempts', 'a whole number', maxAttempts));
}

function mayAgain(error: unknown, { idempotent }: InterceptedCall): boolean {
  return error instanceof RpcError && error.code === 'unavailable' && (error.neverProcessed || idempotent);
}
