import * as acx from 'abort-controller-x';
import { type Cancellable, type CancellationSource, type CancellationToken, expected } from '../core/index.ts';
import { checkFunction, disguised, sourceOf, under } from './bridge.ts';

/**
 * Makes a function of a signal one of a token, whose errors and stops come through as what they are.
 *
 * Cancellation: rejects with the token's error when the function rejects with an AbortError after the cancel; what is
 * already cancelled is not called. An abort that comes while the function is being called is delivered when it has returned
 * its promise.
 *
 * @param fn its signal's reason is the token's error, or an AbortError with that as its cause
 *
 * @example
 * const get = abortable((signal, url: string) => fetch(url, { signal }));
 * const response = await get(token, 'https://example.org');
 */
export function abortable<A extends unknown[], T>(
  fn: (signal: AbortSignal, ...args: A) => Promise<T>,
): (token: Cancellable, ...args: A) => Promise<T> {
  checkFunction('fn', fn);
  return (token, ...args) => under(token, (signal) => fn(signal, ...args));
}

/**
 * As `new Promise(executor)`, with a callback for the cancel, whose promise is waited for.
 *
 * Unlike the original, it does not miss a cancel from within the executor, and a callback that throws rejects.
 *
 * @param executor returns what is called with the token's error when the token is cancelled
 */
export function execute<T>(
  token: Cancellable,
  executor: (
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ) => (error: unknown) => PromiseLike<void> | void,
): Promise<T> {
  checkFunction('executor', executor);
  return under(token, (signal, own) =>
    acx.execute<T>(signal, (resolve, reject) => {
      const callback = executor(resolve, reject);
      if (typeof callback !== 'function') throw new TypeError(expected('executor()', CALLBACK, callback));
      return async () => callback(own.error);
    }),
  );
}

const CALLBACK = 'a function, which is called when the token is cancelled';

/** Promises that began under the token they were made with, or nothing at all. */
export type Starter<P extends readonly PromiseLike<unknown>[]> = (token: CancellationToken) => P;

/**
 * Ends as the first of the promises that settles, after all have; it cancels the others by the token they were made with. An
 * error that comes later overrides a value. See `waitAny` for one where it does not, and which does not wait for ever.
 *
 * Unlike the original, it rejects when there are no promises, it does not miss a cancel from within the starter, and a
 * loser's stop by a timeout is a stop and no error.
 */
export function race<const P extends readonly PromiseLike<unknown>[]>(
  token: Cancellable,
  start: Starter<P>,
): Promise<Awaited<P[number]>> {
  checkFunction('start', start);
  return combined(
    token,
    (signal, starter) => acx.race(signal, starter),
    (own) => {
      const promises = start(own);
      if (promises.length > 0) return promises;
      throw new TypeError(`${expected('promises', 'one promise or more', promises)} Nothing could ever win.`);
    },
  ) as Promise<Awaited<P[number]>>;
}

/**
 * Waits for all promises, and yields their values; the first error cancels the others by the token they were made with, and
 * comes out when all have settled. See `waitAll` for one that keeps the later errors, and does not wait for ever.
 *
 * Unlike the original, it does not miss a cancel from within the starter, and a stop by a timeout is a stop and no error.
 */
export function all<const P extends readonly PromiseLike<unknown>[]>(
  token: Cancellable,
  start: Starter<P>,
): Promise<{ -readonly [Place in keyof P]: Awaited<P[Place]> }> {
  checkFunction('start', start);
  return combined(token, (signal, starter) => acx.all(signal, starter), start) as Promise<never>;
}

function combined(
  token: Cancellable,
  combine: (signal: AbortSignal, starter: (inner: AbortSignal) => Promise<unknown>[]) => Promise<unknown>,
  start: Starter<readonly PromiseLike<unknown>[]>,
): Promise<unknown> {
  return under(token, async (signal, own) => {
    let source: CancellationSource | undefined;
    try {
      return await combine(signal, (inner) => {
        source = sourceOf(own, inner);
        const { token: shared } = source;
        return start(shared).map((promise) => masked(promise, shared));
      });
    } finally {
      source?.close();
    }
  });
}

async function masked<T>(promise: PromiseLike<T>, token: CancellationToken): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw disguised(error, token);
  }
}
