import { type Clock, setClock } from '../../../lib/core/index.ts';

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/** Time that passes only when it is told to; in place from its making until its disposal. */
export class FakeClock implements Clock, Disposable {
  #now: number;
  #timers: Timer[] = [];
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

  /** Lets time pass, and runs what falls due on the way at its own time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#due(end); next !== undefined; next = this.#due(end)) {
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
    }
    this.#now = end;
  }

  #due(end: number): Timer | undefined {
    return this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
  }

  [Symbol.dispose](): void {
    this.#restore();
  }
}
