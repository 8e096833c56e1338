import type { CallState } from './messages.ts';
import type { Visit } from './visit.ts';
import { Watch } from './watch.ts';

/** Where all that the processes report comes together. */
export class Board extends Watch {
  readonly #visits = new Map<string, Map<string, Visit>>();
  readonly #calls = new Map<string, CallState>();
  /** Hears of each report of a hop. */
  onVisit: ((visit: Visit) => void) | undefined;

  /** The calls that some hop has told of. */
  calls(): readonly string[] {
    return [...this.#visits.keys()];
  }

  /** The visits of one call, in the order in which they were first told. */
  visits(call: string): readonly Visit[] {
    return [...(this.#visits.get(call)?.values() ?? [])];
  }

  visit(call: string, hop: string): Visit | undefined {
    return this.#visits.get(call)?.get(hop);
  }

  call(call: string): CallState | undefined {
    return this.#calls.get(call);
  }

  putVisit(visit: Visit): void {
    const known = this.#visits.get(visit.call) ?? new Map<string, Visit>();
    this.#visits.set(visit.call, known.set(visit.hop, visit));
    this.onVisit?.(visit);
    this.changed();
  }

  putCall(state: CallState): void {
    this.#calls.set(state.call, state);
    this.changed();
  }

  /** No hop works on it any more, and its caller, where it is ours, knows what came of it. */
  over(call: string): boolean {
    return this.#calls.get(call)?.settledAt !== null && this.visits(call).every(({ stoppedAt }) => stoppedAt !== null);
  }

  forget(call: string): void {
    this.#visits.delete(call);
    this.#calls.delete(call);
  }
}
