import { afterEach, beforeEach } from 'vitest';
import { type Clock, setClock } from '../../../lib/core/index.ts';

/** A clock that goes when it is told to. */
export class ManualClock implements Clock {
  #now = 1_000;
  readonly #timers = new Set<{ at: number; fn: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets time pass, firing what falls due on the way, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
    }
    this.#now = end;
  }

  get pending(): number {
    return this.#timers.size;
  }

  #due(end: number): { at: number; fn: () => void } | undefined {
    return [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

/** Puts a manual clock in place for each test of the file or group. */
export function useManualClock(): () => ManualClock {
  let clock: ManualClock;
  let restore: () => void;
  beforeEach(() => {
    clock = new ManualClock();
    restore = setClock(clock);
  });
  afterEach(() => restore());
  return () => clock;
}
