/**
 * What a peer sends, piece by piece, handed on at the pace of whoever reads it.
 *
 * 1. At most what had arrived when the tap was closed is kept; the tap is open only while somebody waits, or once the end is there.
 * 2. A failure comes at once, and before what was kept: whoever reads is not to work on for nothing.
 */
export interface Tap {
  pause(): void;
  resume(): void;
  /** The reader has gone; nothing more is wanted. */
  left(): void;
}

/** For one reader, who asks for one piece after the other. */
export class Inflow implements AsyncIterableIterator<Uint8Array> {
  readonly #tap: Tap;
  #kept: Uint8Array[] = [];
  #over = false;
  #failure: { readonly error: unknown } | undefined;
  #waiting: { resolve(result: IteratorResult<Uint8Array, undefined>): void; reject(error: unknown): void } | undefined;

  constructor(tap: Tap) {
    this.#tap = tap;
  }

  push(chunk: Uint8Array): void {
    if (this.#over) return;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#kept.push(chunk);
    else waiting.resolve({ done: false, value: chunk });
    this.#tap.pause();
  }

  /** Nothing more will come. Does nothing once that is known. */
  end(): void {
    this.#finish();
  }

  /** Nothing more will come, and what has is worth nothing. Does nothing once that is known. */
  fail(error: unknown): void {
    if (this.#over) return;
    this.#failure = { error };
    this.#kept = [];
    this.#finish();
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const chunk = this.#kept.shift();
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk });
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#tap.resume();
    });
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#kept = [];
    if (!this.#over) {
      this.#finish();
      this.#tap.left();
    }
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (this.#failure !== undefined) waiting?.reject(this.#failure.error);
    else waiting?.resolve({ done: true, value: undefined });
  }
}
