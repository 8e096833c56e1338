// A deadline is no reason to keep a process alive; somebody who waits for a sleep or a limit is one. As all alarms share
// a timer that holds nothing, one interval that does nothing holds the process while anybody waits.

/** The longest interval there is. */
const LONGEST = 2 ** 31 - 1;

let waiting = 0;
let interval: ReturnType<typeof setInterval> | undefined;

/** Keeps the process alive until {@link release}; each call needs one. */
export function hold(): void {
  if (++waiting === 1) interval = setInterval(() => undefined, LONGEST);
}

export function release(): void {
  if (--waiting > 0) return;
  clearInterval(interval);
  interval = undefined;
}
