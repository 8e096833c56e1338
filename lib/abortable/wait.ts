import * as acx from 'abort-controller-x';
import { type Cancellable, expected } from '../core/index.ts';
import { under } from './bridge.ts';

/** The longest delay of a platform timer; a longer one fires at once. */
const LONGEST = 2 ** 31 - 1;

/**
 * Waits, on the platform's timers. Unlike the original's, delays beyond 2^31 - 1 ms are as long as they say; for the
 * library's own clock see `sleep`.
 *
 * Cancellation: rejects with the token's error; the timer is gone by then.
 *
 * @param due milliseconds, or a date
 * @throws TypeError or RangeError for bad arguments
 */
export function delay(token: Cancellable, due: number | Date): Promise<void> {
  const ms = due instanceof Date ? due.getTime() - Date.now() : due;
  if (typeof ms !== 'number') throw new TypeError(expected('due', 'a number of milliseconds or a Date', due));
  if (Number.isNaN(ms)) throw new RangeError(expected('due', 'a number of milliseconds or a Date', due));
  return under(token, async (signal) => {
    let left = ms;
    for (; left > LONGEST; left -= LONGEST) await acx.delay(signal, LONGEST);
    await acx.delay(signal, left);
  });
}

/** Waits until the token is cancelled, then rejects with its error. */
export function forever(token: Cancellable): Promise<never> {
  return under(token, acx.forever);
}

/**
 * Waits for an event of an EventTarget or an emitter, and resolves with what was emitted: one value, or the array of several.
 * An emitter's `error` is one event among others; see `onceEvent` for one that it ends.
 *
 * Cancellation: rejects with the token's error; no listener is left by then. Unlike the original, it does not miss a cancel
 * that comes while it begins to listen.
 */
export function waitForEvent<T>(
  token: Cancellable,
  target: acx.EventTargetLike<T>,
  name: string | symbol,
  options?: acx.EventTargetLike.EventListenerOptions,
): Promise<T> {
  return under(token, (signal) => acx.waitForEvent(signal, target, name, options));
}
