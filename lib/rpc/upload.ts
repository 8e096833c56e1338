/**
 * A stream of requests as the body of a fetch.
 *
 * 1. It asks for a request when fetch wants one, and for none once it was left. Fetch reads on after an abort: its own lock on the
 *    stream refuses the cancel that would stop it, and requests without an end would be made for ever.
 * 2. One that was left never ends; it fails, at its time: the peer is not to take what it has for the whole.
 */
export class Upload {
  readonly body: ReadableStream<Uint8Array>;
  readonly #messages: AsyncIterator<Uint8Array>;
  readonly #broken: (error: unknown) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #over = false;

  /** @param broken told what the requests themselves have thrown */
  constructor(messages: AsyncIterable<Uint8Array>, broken: (error: unknown) => void) {
    this.#messages = messages[Symbol.asyncIterator]();
    this.#broken = broken;
    const source: UnderlyingDefaultSource<Uint8Array> = {
      start: (controller) => {
        this.#controller = controller;
      },
      pull: (controller) => this.#pull(controller),
      cancel: () => this.leave(),
    };
    // By default a stream asks ahead, before anything is sent.
    this.body = new ReadableStream(source, { highWaterMark: 0 });
  }

  /** No more requests are wanted. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    // Not awaited: the requests may wait for something that never comes.
    this.#messages.return?.().catch(() => {});
  }

  /** Lets fetch know, too. Does nothing to a stream that has ended. */
  fail(error: unknown): void {
    this.leave();
    this.#controller?.error(error);
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const { done, value } = await this.#messages.next();
      if (this.#over) return;
      if (done !== true) return controller.enqueue(value);
      this.#over = true;
      controller.close();
    } catch (error) {
      if (this.#over) return;
      this.#over = true;
      this.#broken(error);
    }
  }
}

let streams: boolean | undefined;

/** Whether fetch can send one. A Request that cannot stream its body makes a text of it, and says so in its content type. */
export function sendsStreams(): boolean {
  if (streams !== undefined) return streams;
  const init = { method: 'POST', body: new ReadableStream(), duplex: 'half' };
  try {
    streams = !new Request('http://localhost', init as RequestInit).headers.has('content-type');
  } catch {
    streams = false;
  }
  return streams;
}
