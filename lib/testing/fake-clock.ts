import { setImmediate } from 'node:timers/promises';
import { type Clock, expected, setClock } from '../core/index.ts';

/** A clock that stands still until it is told to go on; all deadlines, sleeps and limits of the library follow it. */
export interface FakeClock extends Disposable {
  /** Milliseconds; 0 at first. */
  readonly now: number;
  /** How many timers wait. All deadlines together wait on one. */
  readonly pending: number;
  /**
   * Lets time pass and runs, in the order of their times, the timers that come due, those too that they set meanwhile.
   * Promise reactions run only after it has returned: for a task that sleeps again and again use {@link advanceAsync}.
   * When timers throw, the others run all the same, and the first error is thrown at the end.
   *
   * @param ms 0 runs what is due now
   */
  advance(ms: number): void;
  /** As {@link advance}, but before time goes on and at the end everything that can run without time passing has run. */
  advanceAsync(ms: number): Promise<void>;
  /** Puts back the clock that was there before; under another fake clock, that one does so when its turn has come. */
  [Symbol.dispose](): void;
}

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/**
 * Puts a fake clock in place of the platform's, until it is disposed of.
 *
 * It does not stand in for `Date`, `setTimeout` or `performance`: what does not go by the library's clock goes on as ever.
 *
 * @example
 * using clock = fakeClock();
 * const outcome = run(task, { timeout: 1_000 });
 * await clock.advanceAsync(1_000);
 */
export function fakeClock(): FakeClock {
  const fake = new Fake();
  fake.putBack = setClock(fake.clock);
  installed.push(fake);
  return fake;
}

const installed: Fake[] = [];

/** The fake clock in place, if there is one. */
export function currentFake(): FakeClock | undefined {
  return installed.at(-1);
}

class Fake implements FakeClock {
  now = 0;
  putBack: (() => void) | undefined;
  readonly #timers = new Set<Timer>();

  readonly clock: Clock = {
    now: () => this.now,
    after: (ms, fn) => {
      const timer = { at: this.now + Math.max(ms, 0), fn };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
  };

  get pending(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.now + milliseconds(ms);
    const errors: unknown[] = [];
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) this.#fire(timer, errors);
    this.#reach(end);
    if (errors.length > 0) throw errors[0];
  }

  async advanceAsync(ms: number): Promise<void> {
    const end = this.now + milliseconds(ms);
    const errors: unknown[] = [];
    await setImmediate();
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#fire(timer, errors);
      await setImmediate();
    }
    this.#reach(end);
    if (errors.length > 0) throw errors[0];
  }

  #fire(timer: Timer, errors: unknown[]): void {
    this.#timers.delete(timer);
    this.#reach(timer.at);
    try {
      timer.fn();
    } catch (error) {
      errors.push(error);
    }
  }

  /** Never back: two that let time pass may overlap. */
  #reach(time: number): void {
    this.now = Math.max(this.now, time);
  }

  /** The earliest timer that is due by then; of several, the one set first. */
  #next(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    return next;
  }

  [Symbol.dispose](): void {
    const at = installed.indexOf(this);
    if (at < 0) return;
    const above = installed[at + 1];
    installed.splice(at, 1);
    if (above === undefined) this.putBack?.();
    else above.putBack = this.putBack;
  }
}

/** @throws TypeError or RangeError that says what came in place of a time that can pass */
export function milliseconds(ms: unknown): number {
  const what = 'a number of milliseconds, 0 or more';
  if (typeof ms !== 'number') throw new TypeError(expected('ms', what, ms));
  if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(expected('ms', what, ms));
  return ms;
}
