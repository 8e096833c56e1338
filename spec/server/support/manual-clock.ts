import { type Clock, setClock } from '../../../lib/core/index.ts';

/** A clock that stands still until it is told; in place from its making until `restore`. */
export class ManualClock implements Clock {
  readonly restore: () => void;
  #now = 1_000;
  #armed: { at: number; resolve: () => void }[] = [];
  #timers: { at: number; fn: () => void }[] = [];

  constructor() {
    this.restore = setClock(this);
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    for (const { resolve } of this.#armed.filter(({ at }) => at === timer.at)) resolve();
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Waits until somebody waits for the moment `ms` from now. */
  async armed(ms: number): Promise<void> {
    const at = this.#now + ms;
    if (this.#timers.some((timer) => timer.at === at)) return;
    await new Promise<void>((resolve) => this.#armed.push({ at, resolve }));
  }

  /** Lets time pass of which no timer has told yet, as in a busy process. */
  oversleep(ms: number): void {
    this.#now += ms;
  }

  /** Lets time pass, timer by timer. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [due] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (due === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.fn();
    }
    this.#now = end;
  }
}
