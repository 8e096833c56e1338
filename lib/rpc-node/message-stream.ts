import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { RpcError, type StreamCall, type StreamReply } from '../rpc/index.ts';
import { Inflow } from '../wire/index.ts';
import { CallStream, type Line } from './call-stream.ts';
import { Http2Reply, type ResponseHeaders } from './reply.ts';

/**
 * One call with a stream of messages, each way at its own pace.
 *
 * 1. Whether an answer is whole is for the last of its messages to say; here, a stream that was reset or lost has failed.
 * 2. What has arrived with its end is out of reach of a reset that follows, however slow the reader is: a server that is done
 *    asks for no more requests by a reset.
 */
export class MessageStream extends CallStream {
  readonly #messages: StreamCall['messages'];
  readonly #resolve: (reply: StreamReply) => void;
  readonly #reject: (error: unknown) => void;
  #inflow: Inflow | undefined;
  /** Paused while nobody reads, from the head of the answer on. */
  #paused: ClientHttp2Stream | undefined;
  #arrived = false;
  #sending: AsyncIterator<Uint8Array> | undefined;

  constructor(line: Line, call: StreamCall, resolve: (reply: StreamReply) => void, reject: (error: unknown) => void) {
    super(line, call);
    this.#messages = call.messages;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Messages that come one by one are gone once they were asked for. */
  protected get repeatable(): boolean {
    return this.#sending === undefined;
  }

  protected get patient(): boolean {
    return !(this.#messages instanceof Uint8Array);
  }

  protected open(_headers: OutgoingHttpHeaders): 'POST' {
    return 'POST';
  }

  protected send(stream: ClientHttp2Stream): void {
    if (this.#messages instanceof Uint8Array) stream.end(this.#messages);
    else void this.#pump(this.#messages[Symbol.asyncIterator](), stream);
  }

  protected responded(headers: ResponseHeaders, stream: ClientHttp2Stream): void {
    this.#paused = stream.pause();
    this.#inflow = new Inflow({
      pause: () => {
        if (!this.#arrived) stream.pause();
      },
      resume: () => stream.resume(),
      left: () => this.giveUp(() => new RpcError('canceled', 'Nobody reads the answer.')),
    });
    this.#resolve(Object.assign(new Http2Reply(headers), { chunks: this.#inflow }));
  }

  protected received(chunk: Uint8Array): void {
    this.#inflow?.push(chunk);
  }

  protected override arrived(): void {
    this.#arrived = true;
    this.#paused?.resume();
  }

  protected ended(): void {
    this.stopSending();
    this.settle(() => this.#inflow?.end());
  }

  protected failed(error: unknown): void {
    this.#reject(error);
    this.#inflow?.fail(error);
  }

  protected override settle(outcome: () => void): void {
    super.settle(outcome);
    // What has come and is not wanted flows off: a stream that holds something back never closes.
    this.#paused?.resume();
    // Not awaited: the requests may wait for something that never comes.
    this.#sending?.return?.().catch(() => {});
    this.#sending = undefined;
  }

  async #pump(messages: AsyncIterator<Uint8Array>, stream: ClientHttp2Stream): Promise<void> {
    this.#sending = messages;
    try {
      for (;;) {
        const { done, value } = await messages.next();
        if (this.settled) return;
        if (done === true) break;
        if (!stream.write(value)) await drained(stream);
        if (this.settled) return;
      }
      stream.end();
    } catch (error) {
      // What the caller's own requests throw: the peer is not to take what it has for the whole.
      this.giveUp(() => error);
    }
  }
}

function drained(stream: ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off('drain', settle).off('close', settle);
      resolve();
    };
    stream.on('drain', settle).on('close', settle);
  });
}
