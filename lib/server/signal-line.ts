// The line of a web `Request`, where nothing else of the exchange is to be had: its signal tells that the peer has left, and the
// body of the response that it was read to its end.
//
// 1. The request is held as long as the exchange lasts: a signal of a Request that was collected may never tell (Node 20 to 24).
// 2. Once the body was read to its end nothing can be cancelled: some servers abort their signal after success too.
// 3. A body that is dropped without a word, as for an answer to HEAD or one that has turned into 304, ends the exchange too. It
//    tells by being collected, and so nothing here holds it.
import { CancellationSource } from '../core/index.ts';
import { TIMEOUT_HEADER } from '../wire/index.ts';
import type { Line, LineWatcher } from './line.ts';
import { TWICE } from './refusal.ts';

const lines = new WeakMap<object, SignalLine>();

export class SignalLine implements Line {
  readonly source: CancellationSource = new CancellationSource();
  readonly speaksForItself = false;
  mutes = false;
  begun = false;
  over = false;
  watcher: LineWatcher | undefined;
  readonly #request: Request;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #body: WeakRef<ReadableStreamDefaultController<Uint8Array>> | undefined;

  private constructor(request: Request) {
    this.#request = request;
    if (request.signal.aborted) this.#left();
    else request.signal.addEventListener('abort', this);
  }

  /** @throws TypeError when an adapter has the request already */
  static open(request: Request): SignalLine {
    if (lines.has(request)) throw new TypeError(TWICE);
    const line = new SignalLine(request);
    lines.set(request, line);
    return line;
  }

  static find(request: object): SignalLine | undefined {
    return lines.get(request);
  }

  get name(): string {
    return `${this.#request.method} ${new URL(this.#request.url).pathname}`;
  }

  get timeout(): string | undefined {
    return this.#request.headers.get(TIMEOUT_HEADER) ?? undefined;
  }

  watch(watcher: LineWatcher): void {
    this.watcher = watcher;
  }

  /** The signal's event. */
  handleEvent(): void {
    this.#left();
  }

  cut(): void {
    const { error } = this.source.token;
    this.#reader?.cancel(error).catch(ignore);
    this.#body?.deref()?.error(error);
    this.#end();
  }

  mute(): void {}

  last(): void {}

  carry(response: Response): Response {
    this.begun = true;
    this.watcher?.begun();
    const { body } = response;
    // Nobody reads the body of an answer to HEAD, nor says so.
    if (body === null || this.#request.method === 'HEAD') {
      this.#queued();
      return response;
    }
    return new Response(this.#follow(body), response);
  }

  release(): void {
    this.#queued();
  }

  /** The body itself; its end is noticed, and it can be broken off. */
  #follow(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    this.#reader = reader;
    const followed = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = new WeakRef(controller);
        },
        pull: (controller) => this.#pass(reader, controller),
        cancel: () => this.#left(),
      },
      { highWaterMark: 0 },
    );
    collected.register(followed, this);
    return followed;
  }

  /** Nobody has the body any more. */
  dropped(): void {
    if (this.over) return;
    this.#reader?.cancel().catch(ignore);
    this.#queued();
  }

  async #pass(
    reader: ReadableStreamDefaultReader<Uint8Array>,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    try {
      const { done, value } = await reader.read();
      if (this.over) return;
      if (!done) return controller.enqueue(value);
      this.#queued();
      controller.close();
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  #left(): void {
    if (!this.source.token.cancelled) this.watcher?.left();
    this.source.cancel('PEER_CLOSED');
    this.#reader?.cancel(this.source.token.error).catch(ignore);
    this.#end();
  }

  #queued(): void {
    this.watcher?.queued();
    this.#end();
  }

  #end(): void {
    if (this.over) return;
    this.over = true;
    this.#request.signal.removeEventListener('abort', this);
    this.source.close();
    this.watcher?.over();
  }
}

const collected = new FinalizationRegistry<SignalLine>((line) => line.dropped());

function ignore(): void {}
