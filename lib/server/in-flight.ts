import type { Call, CallHost } from './call.ts';

/** The calls a server has under way. */
export class InFlight implements CallHost {
  draining = false;
  /** How many were turned away. */
  refused = 0;
  /** How many handlers threw something that was no cancel. */
  failed = 0;
  /** In no order. Each knows its place: a Set would take as long as the rest of the bookkeeping of a request. */
  readonly #calls: Call[] = [];
  readonly #limit: number;
  /** The one listener to the moment when none is left. */
  onEmpty: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#calls.length;
  }

  /** Takes a call in, or says that it must be refused. */
  admit(call: Call): boolean {
    if (this.draining || this.#calls.length >= this.#limit) {
      this.refused++;
      return false;
    }
    call.place = this.#calls.push(call) - 1;
    return true;
  }

  ended(call: Call): void {
    this.#remove(call);
    if (call.failed) this.failed++;
    if (this.#calls.length === 0) this.onEmpty?.();
  }

  /** Those that are there now. */
  all(): Call[] {
    return [...this.#calls];
  }

  #remove(call: Call): void {
    const last = this.#calls.pop() as Call;
    if (last === call) return;
    this.#calls[call.place] = last;
    last.place = call.place;
  }
}
