import type { Call, CallHost } from './call.ts';

/** The calls a server has under way. */
export class InFlight implements CallHost {
  draining = false;
  /** How many were turned away. */
  refused = 0;
  /** How many handlers threw something that was no cancel. */
  failed = 0;
  readonly #calls = new Set<Call>();
  readonly #limit: number;
  /** The one listener to the moment when none is left. */
  onEmpty: (() => void) | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Takes a call in, or says that it must be refused. */
  admit(call: Call): boolean {
    if (this.draining || this.#calls.size >= this.#limit) {
      this.refused++;
      return false;
    }
    this.#calls.add(call);
    return true;
  }

  ended(call: Call): void {
    this.#calls.delete(call);
    if (call.failed) this.failed++;
    if (this.#calls.size === 0) this.onEmpty?.();
  }

  [Symbol.iterator](): Iterator<Call> {
    return this.#calls.values();
  }
}
