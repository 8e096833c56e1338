import type { CancellationSource, CancellationToken, Registration } from '../core/index.ts';
import { isAnswered, type ResponseWriter } from '../wire/index.ts';

/** The body of a web response, written piece by piece. */
export class WebWriter implements ResponseWriter {
  readonly body: ReadableStream<Uint8Array>;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly #source: CancellationSource;
  readonly #registration: Registration;
  #wanted: (() => void) | undefined;

  /**
   * @param source a response whose call is cancelled before its end breaks off, so that nobody takes it for whole; cancelled
   *   when its reader has gone, for a server that cancels the body says so, and closed at the end
   */
  constructor(source: CancellationSource) {
    this.#source = source;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => this.#go(),
      cancel: () => {
        this.#controller = undefined;
        source.cancel('PEER_CLOSED');
        this.#go();
      },
    });
    this.#registration = source.token.onCancel(this);
  }

  onCancelled(token: CancellationToken): void {
    if (token.reason !== undefined && !isAnswered(token.reason)) this.#break(token.error);
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    this.#controller?.enqueue(chunk);
    if ((this.#controller?.desiredSize ?? 1) > 0) return undefined;
    return new Promise((resolve) => {
      this.#wanted = resolve;
    });
  }

  end(chunk: Uint8Array): void {
    this.#registration.unregister();
    this.#source.close();
    this.#controller?.enqueue(chunk);
    this.#controller?.close();
    this.#controller = undefined;
    this.#go();
  }

  #break(error: unknown): void {
    this.#controller?.error(error);
    this.#controller = undefined;
    this.#go();
  }

  #go(): void {
    this.#wanted?.();
    this.#wanted = undefined;
  }
}
