/**
 * A call whose request or answer is a stream of messages. Its answer begins when the implementation starts, always with status
 * 200; how the call ended is told in its last message.
 *
 * 1. The implementation's generator gets its `finally`: it is asked to return as soon as the call is over, and not awaited for
 *    the answer.
 * 2. No response is asked of it before the peer has taken the ones before.
 */
import type { CancelReason } from '../core/index.ts';
import {
  END_STREAM,
  type Envelope,
  encodeEndStream,
  type ResponseWriter,
  STREAM_ACCEPT_HEADER,
  STREAM_ENCODING_HEADER,
  STREAM_TYPE,
  seal,
  type WireError,
} from '../wire/index.ts';
import { metadataOf, stoppedError, thrownError } from './answer.ts';
import { RpcError } from './error.ts';
import { envelopesIn, openMessage, sealMessage } from './messages.ts';
import { takesGzip } from './router.ts';
import { read } from './schema.ts';
import { ServedCall } from './served-call.ts';

export class ServedStream extends ServedCall {
  #writer: ResponseWriter | undefined;
  /** Ends a wait for a peer that is slower than we are, when the call is over. */
  #wake: (() => void) | undefined;
  #responses: AsyncIterator<unknown> | undefined;
  /** What {@link #responses} does after it was asked to return. */
  #unwinding: Promise<unknown> | undefined;
  /** Stops the reading of requests. */
  #leave: (() => void) | undefined;

  protected async work(): Promise<void> {
    try {
      const { kind } = this.route.method;
      const single = kind === 'serverStream';
      const request = single ? await this.#onlyRequest() : this.#requests();
      if (this.over) return;
      this.#begin();
      const result = await this.start(request);
      if (kind === 'clientStream') await this.#send(result);
      else await this.#sendAll(iteratorOf(result));
      await this.#unwinding;
      this.end(() => this.#finish());
    } catch (error) {
      this.failed(error);
    }
  }

  protected answerStopped(reason: CancelReason, whileReading: boolean): void {
    this.#finish(stoppedError(reason, whileReading));
  }

  protected answerThrown(error: unknown): void {
    this.#finish(thrownError(error), metadataOf(error));
  }

  protected override end(answer: () => void): void {
    const first = !this.over;
    super.end(answer);
    if (!first) return;
    this.#wake?.();
    this.#unwind();
    this.#leave?.();
  }

  /**
   * Invariant 1. A generator that waits for something else than its token ends when that has come; what an iterator by hand does,
   * however it does it, is told by {@link work}.
   */
  #unwind(): void {
    const responses = this.#responses;
    if (responses === undefined) return;
    this.#unwinding = this.inside(async () => responses.return?.());
    this.#unwinding.catch(() => {});
  }

  #begin(): void {
    if (this.#writer !== undefined) return;
    const headers: Record<string, string> = { 'content-type': STREAM_TYPE, [STREAM_ACCEPT_HEADER]: 'gzip' };
    if (this.#compressMinBytes < Number.POSITIVE_INFINITY) headers[STREAM_ENCODING_HEADER] = 'gzip';
    this.#writer = this.exchange.stream(200, headers);
  }

  get #compressMinBytes(): number {
    const accepted = takesGzip(this.exchange.header(STREAM_ACCEPT_HEADER));
    return accepted ? this.settings.compressMinBytes : Number.POSITIVE_INFINITY;
  }

  /** The requests as they come; a bad one is thrown into whoever reads them. */
  async *#requests(): AsyncGenerator<unknown> {
    const opening = { what: 'request', fault: 'invalid_argument', token: this.given } as const;
    for await (const { flags, data } of this.#envelopes()) {
      if ((flags & END_STREAM) !== 0) throw new RpcError('invalid_argument', 'Expected no end-of-stream in a request.');
      const request = await openMessage(data, this.route.method.input, opening);
      // A schema may have taken its time.
      this.given.throwIfCancelled();
      yield request;
    }
    // Where an interceptor has hidden the cancel: not the peer ended this, we did.
    this.token.throwIfCancelled();
  }

  async #onlyRequest(): Promise<unknown> {
    const requests: unknown[] = [];
    for await (const request of this.#requests()) {
      requests.push(request);
      if (requests.length > 1) break;
    }
    if (requests.length === 1) return requests[0];
    throw new RpcError('unimplemented', `Expected one request, got ${requests.length === 0 ? 'none' : 'more'}.`);
  }

  #envelopes(): AsyncIterable<Envelope> {
    const token = this.given;
    const chunks = this.exchange.chunks(token);
    this.#leave = () => {
      // Under a cancel the requests end with its error, by themselves.
      if (!token.cancelled) void chunks.return?.();
    };
    const reading = {
      limit: this.settings.maxBodyBytes,
      encoding: this.exchange.header(STREAM_ENCODING_HEADER),
      fault: 'invalid_argument',
    } as const;
    return envelopesIn(chunks, reading, token);
  }

  async #sendAll(responses: AsyncIterator<unknown>): Promise<void> {
    this.#responses = responses;
    // Over while there was nothing yet to ask to return: it is not to begin.
    if (this.over) return this.#unwind();
    for (;;) {
      const { done, value } = await this.inside(() => responses.next());
      if (done === true) break;
      if (this.over) return this.abandon({ kind: 'value', value });
      await this.#send(value);
    }
    this.#responses = undefined;
  }

  async #send(response: unknown): Promise<void> {
    await read(this.route.method.output, response, 'response');
    const message = await sealMessage(response, 'response', this.#compressMinBytes);
    if (this.over) return this.abandon({ kind: 'value', value: response });
    const taken = this.#writer?.write(message);
    if (taken === undefined) return;
    await Promise.race([
      taken,
      new Promise<void>((resolve) => {
        this.#wake = resolve;
      }),
    ]);
  }

  /** The last message: how the call ended. */
  #finish(error?: WireError, metadata: Readonly<Record<string, string>> = {}): void {
    this.#begin();
    this.#writer?.end(seal(END_STREAM, new TextEncoder().encode(encodeEndStream(error, metadata))));
  }
}

function iteratorOf(responses: unknown): AsyncIterator<unknown> {
  const make = (responses as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator];
  if (typeof make === 'function') return make.call(responses);
  throw new TypeError(
    'Expected the implementation to return an AsyncIterable of responses, as an async generator does.',
  );
}
