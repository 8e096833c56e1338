import type { Call } from './call.ts';

/**
 * The bodies that may come too late. Nearly all have come by the end of the turn in which their request came: to set an alarm for
 * each at once would be for nothing, and cost as much as to read it.
 */
export class LateBodies {
  readonly #ms: number;
  #expected: Call[] = [];

  /** @param ms how long a body may take; Infinity: as long as it likes */
  constructor(ms: number) {
    this.#ms = ms;
  }

  expect(call: Call): void {
    if (this.#ms === Number.POSITIVE_INFINITY) return;
    if (this.#expected.length === 0) setImmediate(() => this.#look());
    this.#expected.push(call);
  }

  #look(): void {
    const expected = this.#expected;
    this.#expected = [];
    for (const call of expected) call.limitBody(this.#ms);
  }
}
