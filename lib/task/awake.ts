// A deadline is no reason to keep a process alive: all alarms share a timer that holds nothing. Somebody who waits for a
// sleep, or for a limit that was set for a task, is one. So one interval that does nothing holds the process meanwhile.
import { type CancellationToken, clock, type Registration } from '../core/index.ts';

/** The longest interval there is. */
const LONGEST = 2 ** 31 - 1;

/** Node's and Bun's; elsewhere a number, and there is no process to hold. */
type Interval = { ref?(): unknown; unref?(): unknown } | number;

/** Taken at the start: fake timers hold nothing. */
const { setInterval, clearInterval } = globalThis as {
  setInterval(fn: () => void, ms: number): Interval;
  clearInterval(interval: Interval | undefined): void;
};

let waiting = 0;
let interval: Interval | undefined;

/** Keeps the process alive until {@link release}; each call needs one. */
export function hold(): void {
  if (++waiting > 1) return;
  interval ??= setInterval(() => undefined, LONGEST);
  // Letting go of it and taking it back is ten times cheaper than making another one.
  if (typeof interval === 'object') interval.ref?.();
}

export function release(): void {
  if (--waiting > 0) return;
  if (typeof interval === 'object' && interval.unref !== undefined) interval.unref();
  else {
    clearInterval(interval);
    interval = undefined;
  }
}

/**
 * Calls `fn` after so many milliseconds, as the clock does, and keeps the process alive until then; never, for Infinity, which
 * keeps nothing.
 *
 * @returns takes it back; idempotent
 */
export function afterAwake(ms: number, fn: () => void): () => void {
  if (ms === Number.POSITIVE_INFINITY) return () => undefined;
  let waiting = true;
  const end = (): void => {
    if (!waiting) return;
    waiting = false;
    disarm();
    release();
  };
  hold();
  const disarm = clock.after(ms, () => {
    end();
    fn();
  });
  return end;
}

/**
 * Keeps the process alive until a limit has come, which cancels the token, or nobody waits for it any more.
 *
 * @returns ends the wait; idempotent
 */
export function awaitLimit(token: CancellationToken): () => void {
  if (token.cancelled) return () => undefined;
  let registration: Registration | undefined;
  let holding = true;
  hold();
  const end = (): void => {
    if (!holding) return;
    holding = false;
    registration?.unregister();
    release();
  };
  // Another thread may have cancelled it since the look: then it ends here and now.
  registration = token.onCancel({ onCancelled: end });
  return end;
}
