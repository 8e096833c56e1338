// The callbacks of one token: an intrusive circular list in the order of registration, the registrations its links.
//
//     first ──▶ r1 ⇄ r2 ⇄ r3        first.#previous is the last, so that both ends are at hand
//                ▲_________│
//
// Invariants
// 1. A registration is in its token's list exactly while `#token` is set; it leaves once, by whoever comes first: its
//    owner's `unregister`, the cancel that is about to run it, or the token's closing.
// 2. `#callback` is the callback until then, afterwards the promise of an async callback that has begun, else undefined.
import type { CancelCallback, Registered } from './surface.ts';

type Callback = CancelCallback<never>;

/** What the tree does when a callback is taken back; it fills this slot, as it stands above this file. */
let takenBack: (token: object, registration: Registration) => void;
export function onTakenBack(tree: typeof takenBack): void {
  takenBack = tree;
}

export let append: (first: Registration | undefined, added: Registration) => Registration;
/** @returns the list's new first */
export let remove: (first: Registration, removed: Registration) => Registration | undefined;
/** Hands out the callback of a registration that has left its list, for the one time that it may run. */
export let take: (registration: Registration) => Callback;
export let count: (first: Registration | undefined) => number;
/** Notes that the callback was an async one, for whoever waits until it has settled. */
export let running: (registration: Registration, promise: Promise<unknown>) => void;

/** A callback's place in a token; made by `token.onCancel`. */
export class Registration implements Registered {
  #token: object | undefined;
  #previous: Registration | undefined;
  #next: Registration | undefined;
  #callback: Callback | PromiseLike<unknown> | undefined;

  /** @param token undefined makes an inert one: its callback has run already, or never will */
  constructor(token: object | undefined, callback: Callback | undefined) {
    this.#token = token;
    this.#callback = callback;
  }

  unregister(): boolean {
    const token = this.#token;
    if (token === undefined) return false;
    takenBack(token, this);
    this.#callback = undefined;
    return true;
  }

  [Symbol.dispose](): void {
    this.unregister();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.unregister();
    await this.#callback;
  }

  static {
    append = (first, added) => {
      if (first === undefined) {
        added.#previous = added;
        added.#next = added;
        return added;
      }
      const last = first.#previous as Registration;
      last.#next = added;
      added.#previous = last;
      added.#next = first;
      first.#previous = added;
      return first;
    };

    remove = (first, removed) => {
      const next = removed.#next as Registration;
      const previous = removed.#previous as Registration;
      removed.#token = undefined;
      removed.#previous = undefined;
      removed.#next = undefined;
      if (next === removed) return undefined;
      previous.#next = next;
      next.#previous = previous;
      return first === removed ? next : first;
    };

    count = (first) => {
      let n = 0;
      for (let at = first; at !== undefined; at = at.#next === first ? undefined : at.#next) n++;
      return n;
    };

    take = (registration) => {
      const callback = registration.#callback as Callback;
      registration.#callback = undefined;
      return callback;
    };

    running = (registration, promise) => {
      registration.#callback = promise;
    };
  }
}
