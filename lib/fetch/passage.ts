// A response's body on its way: who shares it, and when it is over.
//
// Invariants
// 1. A body is over when one of those who share it has come to its end or its error, or when all of them have dropped it.
//    Where one of two clones has read to the end, nothing is left on the wire that could be aborted for the other.
// 2. Who drops a response without a word drops its body when it is collected. A finalizer costs more than all the rest of a
//    call, so a response gets one only when it is still not read after a second, for which it is held.
import { clock } from '../core/index.ts';

/** What a response and its clones have in common. */
export class Passage {
  readonly #signal: AbortSignal;
  /** Who waits for the end; several where one watched fetch wraps another. */
  readonly #waiting: (() => void)[] = [];
  readonly #shares: Share[] = [];
  #dropped = 0;

  /** @param signal the one that the request was sent with */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  whenOver(over: () => void): void {
    this.#waiting.push(over);
  }

  share(response: Response): Share {
    const share = new Share(this, response);
    this.#shares.push(share);
    return share;
  }

  dropped(): void {
    if (++this.#dropped === this.#shares.length) this.end();
  }

  end(): void {
    for (const share of this.#shares) young.delete(share);
    for (const over of this.#waiting.splice(0)) over();
  }

  /** @returns what to say of it: Node 20 has an AbortError of its own for a body that was aborted before it was read */
  fail(error: unknown): unknown {
    this.end();
    return this.#signal.aborted ? this.#signal.reason : error;
  }
}

/** What one response has of a body. */
export class Share {
  readonly passage: Passage;
  /** Held while it is young; afterwards it must not be, or it would never be collected. */
  response: Response | undefined;
  #dropped = false;

  constructor(passage: Passage, response: Response) {
    this.passage = passage;
    this.response = response;
    young.add(this);
    const now = clock.now();
    if (now < due) return;
    due = now + YOUTH;
    clock.after(YOUTH, entrust);
  }

  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    young.delete(this);
    this.passage.dropped();
  }
}

/** In milliseconds. */
const YOUTH = 1_000;

const young = new Set<Share>();
/** When those that are young will be asked next. A time, as a timer may be lost with the clock of a test. */
let due = Number.NEGATIVE_INFINITY;
const collected = new FinalizationRegistry<Share>((share) => share.drop());

function entrust(): void {
  for (const share of young) {
    collected.register(share.response as Response, share);
    share.response = undefined;
  }
  young.clear();
}
