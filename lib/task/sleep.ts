import { type Cancellable, toToken } from '../core/index.ts';
import { hold, release } from './awake.ts';
import { checkLimit } from './options.ts';

/**
 * Waits, on the clock that deadlines stand on. It keeps the process alive, as `setTimeout` does.
 *
 * Cancellation: rejects with the token's error, and its timer is gone before that. Where the token's deadline and the
 * end of the sleep fall together, the deadline comes first.
 *
 * @param ms 0 counts as 1, as with `setTimeout`; Infinity: as {@link suspendForever}; there is no upper limit
 * @throws TypeError or RangeError for bad arguments
 */
export function sleep(ms: number, token: Cancellable): Promise<void> {
  checkLimit('ms', ms);
  const parent = toToken('token', token);
  if (ms === Number.POSITIVE_INFINITY) return suspendForever(parent);
  if (parent.cancelled) return Promise.reject(parent.error);
  // A sleep is a deadline that nobody minds: so all sleeps share the one timer of all deadlines.
  const alarm = parent.child({ timeout: Math.max(ms, 1) }).token;
  hold();
  return new Promise((resolve, reject) => {
    alarm.onCancel({
      onCancelled() {
        release();
        if (parent.cancelled) reject(parent.error);
        else resolve();
      },
    });
  });
}

/**
 * Waits until the token is cancelled, then rejects with its error. It does not keep the process alive, and under a token
 * that can't be cancelled it waits for good.
 *
 * @throws TypeError for a token that is none
 */
export function suspendForever(token: Cancellable): Promise<never> {
  const own = toToken('token', token);
  // There is nothing to let go of: where many wait to be cancelled, this is half the price of a leaf.
  return own.cancelled
    ? Promise.reject(own.error)
    : new Promise((_, reject) => own.onCancel({ onCancelled: () => reject(own.error) }));
}
