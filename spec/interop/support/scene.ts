import { type Gate, gate } from '../../rpc/support/gate.ts';

export interface Message {
  n: number;
}

/** What a server does with the one call of a case, and what it saw of it; whatever library it is made with. */
export interface Script {
  /** Responses before it goes on; of a unary call, whether it is answered. */
  readonly responses?: number;
  /** Requests that are to be taken before {@link Scene.took} opens. */
  readonly requests?: number;
  /** A stream is answered only after the last request. */
  readonly halfDuplex?: boolean;
  /** Then it waits for its caller to leave; default: true. */
  readonly waits?: boolean;
}

export class Scene {
  readonly script: Script;
  /** With the time that the handler is told it has, in milliseconds. */
  readonly entered: Gate<number> = gate();
  readonly took: Gate<void> = gate();
  /** The requests have come to their end. */
  readonly ended: Gate<void> = gate();
  /** The handler has heard that it is not wanted any more, and has ended. */
  readonly stopped: Gate<void> = gate();
  calls = 0;
  stops = 0;

  constructor(script: Script = {}) {
    this.script = script;
  }

  /** @param gone settles when the caller has left */
  async unary({ n }: Message, remaining: number, gone: Promise<unknown>): Promise<Message> {
    this.#enter(remaining);
    if (!this.script.responses) await this.#wait(gone);
    return { n: 2 * n };
  }

  async *serverStream(_request: Message, remaining: number, gone: Promise<unknown>): AsyncGenerator<Message> {
    this.#enter(remaining);
    yield* this.#responses();
    await this.#wait(gone);
  }

  async clientStream(requests: AsyncIterable<Message>, remaining: number, gone: Promise<unknown>): Promise<Message> {
    this.#enter(remaining);
    await this.#taking(async () => {
      for await (const _ of requests) this.#take();
    });
    this.ended.open();
    await this.#wait(gone);
    return { n: this.#taken };
  }

  async *bidi(requests: AsyncIterable<Message>, remaining: number, gone: Promise<unknown>): AsyncGenerator<Message> {
    this.#enter(remaining);
    const { halfDuplex, responses = 0 } = this.script;
    const iterator = requests[Symbol.asyncIterator]();
    for (;;) {
      const { done } = await this.#taking(() => iterator.next());
      if (done) break;
      this.#take();
      if (!halfDuplex && this.#taken <= responses) yield { n: this.#taken };
    }
    this.ended.open();
    if (halfDuplex) yield* this.#responses();
    await this.#wait(gone);
  }

  #taken = 0;

  #enter(remaining: number): void {
    this.calls++;
    this.entered.open(remaining);
  }

  #take(): void {
    if (++this.#taken === this.script.requests) this.took.open();
  }

  *#responses(): Generator<Message> {
    for (let n = 1; n <= (this.script.responses ?? 0); n++) yield { n };
  }

  /** Requests that break off, as their caller has left. */
  async #taking<T>(take: () => Promise<T>): Promise<T> {
    try {
      return await take();
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  async #wait(gone: Promise<unknown>): Promise<void> {
    if (this.script.waits === false) return;
    await gone.catch(() => {});
    this.#stop();
    throw new Error('The caller has left.');
  }

  #stop(): void {
    this.stops++;
    this.stopped.open();
  }
}
