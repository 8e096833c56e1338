import { SPARED } from './greeter.ts';
import type { CallState } from './messages.ts';
import type { Visit } from './visit.ts';
import { Watch } from './watch.ts';

/** Where all that the processes report comes together. */
export class Board extends Watch {
  readonly #visits = new Map<string, Map<string, Visit>>();
  readonly #calls = new Map<string, CallState>();
  /** Calls that nobody has cancelled, and what came of them all the same. */
  readonly strays: Map<string, string> = new Map();
  /** How many calls a load has made; undefined: none that is over. */
  loaded: number | undefined;
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
    const { call, hop, heardAt } = visit;
    if (call.startsWith(SPARED)) {
      if (heardAt !== null) this.strays.set(call, `hop ${hop} heard of a cancel`);
    } else this.#visits.set(call, (this.#visits.get(call) ?? new Map<string, Visit>()).set(hop, visit));
    this.onVisit?.(visit);
    this.changed();
  }

  putCall(state: CallState): void {
    const { call, code, message } = state;
    const spared = call.startsWith(SPARED);
    if (spared && code !== null && code !== 'ok') this.strays.set(call, message ?? code);
    this.#calls.set(call, state);
    this.changed();
  }

  putLoad(calls: number): void {
    this.loaded = calls;
    this.changed();
  }

  /** No hop works on it any more, and its caller, where it is ours, knows what came of it. */
  over(call: string): boolean {
    return this.#calls.get(call)?.settledAt !== null && this.visits(call).every(isTold);
  }

  forget(call: string): void {
    this.#visits.delete(call);
    this.#calls.delete(call);
  }

  /** Forgets all but these: also what has come of a call after that was forgotten. */
  keep(calls: readonly string[]): void {
    for (const call of [...this.#visits.keys(), ...this.#calls.keys()]) if (!calls.includes(call)) this.forget(call);
  }
}

/** Reports overtake one another: one of a handler that was stopped may come before the one of what it has heard. */
function isTold({ stoppedAt, outcome, heardAt }: Visit): boolean {
  return stoppedAt !== null && (outcome !== 'stopped' || heardAt !== null);
}
