import type { CancellationToken, Registration } from '../core/index.ts';
import { Inflow, type Tap } from '../wire/index.ts';

/** Whoever looks after the sender of what is read. */
export interface Sender {
  /** The reading is over: it has come to its end, failed, was left or cancelled. */
  over(): void;
  /** The error that a failure is told as. */
  failed(error: unknown): unknown;
}

/**
 * A web stream in pieces, read only as fast as it is asked.
 *
 * @param token fails the reading as soon as it is cancelled, with its error
 * @param sender sees to a cancel itself; without one, the stream is cancelled with the token
 */
export function chunksOf(
  body: ReadableStream<Uint8Array> | null,
  token: CancellationToken,
  sender?: Sender,
): AsyncIterableIterator<Uint8Array> {
  return new WebTap(body, token, sender).inflow;
}

class WebTap implements Tap {
  readonly inflow: Inflow = new Inflow(this);
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #sender: Sender | undefined;
  readonly #registration: Registration | undefined;
  #reading = false;

  constructor(body: ReadableStream<Uint8Array> | null, token: CancellationToken, sender: Sender | undefined) {
    this.#reader = body?.getReader();
    this.#sender = sender;
    if (this.#reader === undefined) {
      sender?.over();
      this.inflow.end();
    } else this.#registration = token.onCancel(this);
  }

  onCancelled({ error }: CancellationToken): void {
    this.inflow.fail(error);
    this.#sender?.over();
    if (this.#sender === undefined) this.#leave(error);
  }

  pause(): void {}

  resume(): void {
    if (this.#reading || this.#reader === undefined) return;
    this.#reading = true;
    this.#reader.read().then(
      ({ done, value }) => {
        this.#reading = false;
        if (!done) return this.inflow.push(value);
        this.#over();
        this.inflow.end();
      },
      (error) => {
        this.#over();
        this.inflow.fail(this.#sender === undefined ? error : this.#sender.failed(error));
      },
    );
  }

  left(): void {
    this.#over();
    this.#leave();
  }

  #over(): void {
    this.#registration?.unregister();
    this.#sender?.over();
  }

  /** How the sender takes it is not the reader's concern. */
  #leave(why?: unknown): void {
    this.#reader?.cancel(why).catch(() => {});
  }
}
