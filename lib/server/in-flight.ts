import type { CancelReason } from '../core/index.ts';

/** A request under way, as those see it who wait for its end. */
export interface Underway {
  readonly source: { cancel(reason: CancelReason): boolean };
  /** For reports. */
  readonly name: string;
  readonly ageMs: number;
  /** The handler threw something that was no cancel. */
  readonly failed: boolean;
  /** Whether its handler is known to run on. */
  readonly handlerRuns: boolean;
  /** Where the list has it. */
  place: number;
  /** The drain has run out: the last word is said now, or never. */
  force(): void;
}

/** The requests a server has under way. */
export class InFlight {
  draining = false;
  /** How many were turned away. */
  refused = 0;
  /** How many handlers threw something that was no cancel. */
  failed = 0;
  /** In no order. Each knows its place: a Set would take as long as the rest of the bookkeeping of a request. */
  readonly #calls: Underway[] = [];
  readonly #limit: number;
  /** The one listener to the moment when none is left. */
  onEmpty: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#calls.length;
  }

  /** Whether one more must be turned away; counts those that are. */
  refuses(): boolean {
    const refused = this.draining || this.#calls.length >= this.#limit;
    if (refused) this.refused++;
    return refused;
  }

  add(call: Underway): void {
    call.place = this.#calls.push(call) - 1;
  }

  ended(call: Underway): void {
    this.#remove(call);
    if (call.failed) this.failed++;
    if (this.#calls.length === 0) this.onEmpty?.();
  }

  /** Those that are there now. */
  all(): Underway[] {
    return [...this.#calls];
  }

  /** Does nothing for one that was never added. */
  #remove(call: Underway): void {
    const { place } = call;
    if (this.#calls[place] !== call) return;
    const last = this.#calls.pop() as Underway;
    if (last === call) return;
    this.#calls[place] = last;
    last.place = place;
  }
}
