import { expected } from './argument.ts';

/** A monotonic clock with timers. Times and delays are in milliseconds, fractions allowed. */
export interface Clock {
  /** Milliseconds since some fixed point; never goes back, whatever happens to the time of day. */
  now(): number;
  /** Calls `fn` once, not before `ms` have passed; returns what takes it back. Must not keep the process alive. */
  after(ms: number, fn: () => void): () => void;
}

/** The longest delay a platform timer takes; more makes it fire at once (Node warns of TimeoutOverflow). */
const LONGEST = 2 ** 31 - 1;

/**
 * What measures the time, and the timers that go by it. Node makes a call of each look at its global `performance`,
 * which costs a third of the reading; so we look there only while other timers are in place: a test runner's, which
 * bring their own measure.
 */
const { performance: measure, setTimeout: timers } = globalThis;

const platform: Clock = {
  now: () => (setTimeout === timers ? measure : performance).now(),
  after(ms, fn) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (left: number): void => {
      // Rounded up: a platform timer counts whole milliseconds, and a deadline must never come early.
      const step = Math.min(Math.max(Math.ceil(left), 1), LONGEST);
      timer = setTimeout(() => (left > LONGEST ? wait(left - LONGEST) : fn()), step);
      // A deadline is no reason to keep a process alive (Node, Bun, Deno; a browser's timer is a number).
      (timer as { unref?: () => void }).unref?.();
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
};

let current = platform;
let swapped: (() => void) | undefined;

/** The clock all deadlines stand on: `performance.now()` unless a test has put its own in place. */
export const clock: Clock = {
  now: () => current.now(),
  after: (ms, fn) => current.after(ms, fn),
};

/**
 * Puts another clock in place; for tests.
 *
 * @returns puts the former one back
 */
export function setClock(next: Clock): () => void {
  if (typeof next?.now !== 'function' || typeof next.after !== 'function') {
    throw new TypeError(expected('clock', 'an object with methods `now` and `after`', next));
  }
  const before = current;
  current = next;
  swapped?.();
  return () => {
    current = before;
    swapped?.();
  };
}

/** The one listener to a swap: the queue of deadlines, whose timer waits on the clock that was. */
export function onClockSwap(listener: () => void): void {
  swapped = listener;
}
