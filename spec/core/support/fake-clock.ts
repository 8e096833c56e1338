import { type Clock, setClock } from '../../../lib/core/index.ts';

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/** Time that passes only when it is told to; in place from its making until its disposal. */
export class FakeClock implements Clock, Disposable {
  #now: number;
  #timers: Timer[] = [];
  #busy = false;
  /** How often a timer was asked for. */
  armed = 0;
  readonly #restore: () => void;

  constructor(start = 1_000) {
    this.#now = start;
    this.#restore = setClock(this);
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    this.armed++;
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /**
   * Lets time pass, and runs what falls due on the way at its own time. Called from within a timer, time passes while
   * that timer runs: what falls due meanwhile comes after it, late.
   */
  advance(ms: number): void {
    const end = this.#now + ms;
    if (this.#busy) {
      this.#now = end;
      return;
    }
    const due = () => this.#due(Math.max(end, this.#now));
    for (let next = due(); next !== undefined; next = due()) {
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      this.#busy = true;
      try {
        next.fn();
      } finally {
        this.#busy = false;
      }
    }
    this.#now = Math.max(end, this.#now);
  }

  #due(end: number): Timer | undefined {
    return this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
