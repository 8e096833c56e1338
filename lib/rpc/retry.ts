import { retry as again, proactiveRetry } from '../abortable/index.ts';
import { type CancellationToken, clock, expected } from '../core/index.ts';
import { sleep } from '../task/index.ts';
import { checkAtLeast } from './at-least.ts';
import { RpcError } from './error.ts';
import type { InterceptedCall, Interceptor } from './interceptor.ts';
import { orStopped } from './or-stopped.ts';
import { Turns } from './turns.ts';

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
 * All attempts share the call's deadline, and none begins for which a pause would not leave any time. A pause is at least as long
 * as a server asks for, by `Retry-After` in seconds. Streams go as they are: what has been handed out can't be taken back.
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
    let notBefore = 0;
    const onError = (error: unknown, _attempt: number, delayMs: number): void => {
      const askedMs = mayAgain(error, call) ? askedPause(error) : Number.POSITIVE_INFINITY;
      if (call.token.remaining() <= Math.max(delayMs, askedMs)) throw error;
      notBefore = clock.now() + askedMs;
    };
    const attempt = async (): Promise<unknown> => {
      const left = notBefore - clock.now();
      if (left > 0) await sleep(left, call.token);
      return next(copied(call));
    };
    return again(call.token, attempt, { maxAttempts, baseMs, maxDelayMs, onError });
  };
}

export interface HedgeOptions {
  /** How long one attempt is waited for before the next one is sent beside it, in milliseconds; it doubles each time. */
  readonly afterMs: number;
  /** How many are sent at most; default 2, and never more than 32. */
  readonly maxAttempts?: number | undefined;
}

/** The last of them would be due after 2^30 times the first pause. */
const MOST_HEDGES = 32;

/**
 * Sends a call of an idempotent method again while the first is still under way, takes the first answer, and cancels the rest,
 * without waiting for what they do about it. Calls of other methods go as they are.
 *
 * An attempt that fails with anything but `unavailable` ends the call with that error. Where none is under way any more, the next
 * one is sent at once.
 *
 * @throws TypeError or RangeError for a time, or a number of attempts, that is none
 */
export function hedge({ afterMs, maxAttempts = 2 }: HedgeOptions): Interceptor {
  check(maxAttempts, { afterMs });
  // All are made at once, and wait for their turn here: the pauses of proactiveRetry are shortened by chance, by up to a half.
  const limits = { baseMs: 0, maxAttempts: Math.min(maxAttempts, MOST_HEDGES) };
  return (call, next) => {
    if (!call.idempotent || call.kind !== 'unary') return next(call);
    const turns = new Turns(afterMs, (error) => mayAgain(error, call));
    const onError = (error: unknown): void => {
      if (!mayAgain(error, call)) throw error;
    };
    const attempt = (token: CancellationToken): Promise<unknown> =>
      turns.take(token, () => orStopped(token, next({ ...copied(call), token })));
    return proactiveRetry(call.token, attempt, { ...limits, onError });
  };
}

function check(maxAttempts: number, times: Readonly<Record<string, number>>): void {
  for (const [name, ms] of Object.entries(times)) checkAtLeast(0, name, ms);
  checkAtLeast(1, 'maxAttempts', maxAttempts);
  if (maxAttempts % 1 > 0) throw new RangeError(expected('maxAttempts', 'a whole number', maxAttempts));
}

/** For one attempt: what another one has done to its headers is not this one's. */
function copied(call: InterceptedCall): InterceptedCall {
  return { ...call, headers: new Headers(call.headers) };
}

/** In milliseconds. A date would be by another clock than ours. */
function askedPause({ metadata }: RpcError): number {
  const asked = metadata['retry-after'] ?? '';
  return /^\d+$/.test(asked) ? Number(asked) * 1_000 : 0;
}

function mayAgain(error: unknown, { idempotent }: InterceptedCall): error is RpcError {
  return error instanceof RpcError && error.code === 'unavailable' && (error.neverProcessed || idempotent);
}
