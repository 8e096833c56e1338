import * as acx from 'abort-controller-x';
import { type Cancellable, type CancellationToken, expected, isCancellation, toToken } from '../core/index.ts';
import { checkFunction, disguised, inside, under } from './bridge.ts';

/** The longest delay of a platform timer; a longer one fires at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * Calls a function until it succeeds, with a delay that doubles after each failure, and jitter.
 *
 * Unlike the original, `maxAttempts` counts all attempts, delays are never longer than a platform timer takes, and a timeout
 * of the token is no failure to be retried.
 *
 * Cancellation: rejects with the token's error; a stop of the function ends it, too, and as with the original any AbortError. An
 * attempt that has reached a time limit of its own has failed, as long as the token is not cancelled.
 *
 * @param fn gets a token, the number of the attempt, from 0, and `reset`, after which the next attempt comes without delay
 * @throws TypeError or RangeError for bad arguments
 *
 * @example
 * const user = await retry(token, (token) => withTimeout(2_000, fetchUser, { token }), { maxAttempts: 3 });
 */
export function retry<T>(
  token: Cancellable,
  fn: (token: CancellationToken, attempt: number, reset: () => void) => Promise<T>,
  options: acx.RetryOptions = {},
): Promise<T> {
  checkFunction('fn', fn);
  const { maxDelayMs = 30_000, ...rest } = checked(options);
  // The original stops after the attempt of that number, and numbers from 0.
  const limits = { ...rest, maxAttempts: attemptsOf(options) - 1, maxDelayMs: Math.min(maxDelayMs, LONGEST) };
  return under(token, (signal, own) =>
    acx.retry(signal, (inner, attempt, reset) => attempted(own, inner, (mine) => fn(mine, attempt, reset)), limits),
  );
}

/**
 * Calls a function again while earlier calls are still running, with a delay that doubles after each, until one succeeds;
 * then it cancels the others and waits for them. Also known as hedging.
 *
 * Unlike the original, it waits for the attempts that lost, does not tell `onError` of them, delays are never longer than a
 * platform timer takes (there are no attempts after that), a function that throws at once has failed, and a timeout of the
 * token is not left unhandled.
 *
 * Cancellation: rejects with the token's error, after all attempts have ended. An attempt that has reached a time limit of its own
 * has failed, one that has stopped otherwise is not told to `onError`.
 *
 * @throws TypeError or RangeError for bad arguments
 */
export function proactiveRetry<T>(
  token: Cancellable,
  fn: (token: CancellationToken, attempt: number) => Promise<T>,
  options: acx.ProactiveRetryOptions = {},
): Promise<T> {
  checkFunction('fn', fn);
  const { baseMs = 1000, onError } = checked(options);
  const maxAttempts = Math.min(attemptsOf(options), hedgesWithin(baseMs));
  return hedged(toToken('token', token), fn, { baseMs, maxAttempts, onError });
}

async function hedged<T>(
  token: CancellationToken,
  fn: (token: CancellationToken, attempt: number) => Promise<T>,
  { onError, ...limits }: { baseMs: number; maxAttempts: number; onError: acx.ProactiveRetryOptions['onError'] },
): Promise<T> {
  let over = false;
  const attempts: Promise<T>[] = [];
  const begin = (inner: AbortSignal, attempt: number): Promise<T> => {
    const running = attempted(token, inner, (mine) => fn(mine, attempt));
    attempts.push(running);
    return running;
  };
  const heard: acx.ProactiveRetryOptions['onError'] = (error, attempt) => {
    if (!over) onError?.(error, attempt);
  };
  try {
    return await under(token, (signal) => acx.proactiveRetry(signal, begin, { ...limits, onError: heard }));
  } finally {
    over = true;
    await Promise.allSettled(attempts);
  }
}

/** One attempt. Its own time limit is an error of that one, and no stop: nobody wants the next one not to begin. */
function attempted<T>(
  outer: CancellationToken,
  signal: AbortSignal,
  fn: (token: CancellationToken) => Promise<T>,
): Promise<T> {
  return inside(outer, signal, fn, (error, token) => {
    const limited = !token.cancelled && isCancellation(error) && error.reason === 'TIMEOUT';
    return limited ? error : disguised(error, token);
  });
}

/** How many attempts there can be before a delay, which is at most `baseMs * 2 ** attempt`, is longer than a timer takes. */
function hedgesWithin(baseMs: number): number {
  return baseMs === 0 ? Number.POSITIVE_INFINITY : Math.max(Math.floor(Math.log2(LONGEST / baseMs)) + 2, 1);
}

function attemptsOf({ maxAttempts = Number.POSITIVE_INFINITY }: { maxAttempts?: number }): number {
  const what = 'a whole number of attempts, 1 or more, or Infinity';
  if (typeof maxAttempts !== 'number') throw new TypeError(expected('maxAttempts', what, maxAttempts));
  const whole = Number.isInteger(maxAttempts) || maxAttempts === Number.POSITIVE_INFINITY;
  if (!(whole && maxAttempts >= 1)) throw new RangeError(expected('maxAttempts', what, maxAttempts));
  return maxAttempts;
}

function checked<O extends acx.RetryOptions>(options: O): O {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  for (const name of ['baseMs', 'maxDelayMs'] as const) {
    const ms: unknown = options[name];
    const what = 'a number of milliseconds, 0 or more';
    if (ms !== undefined && typeof ms !== 'number') throw new TypeError(expected(name, what, ms));
    if (ms !== undefined && !(ms >= 0)) throw new RangeError(expected(name, what, ms));
  }
  if (options.onError !== undefined) checkFunction('onError', options.onError);
  return options;
}
