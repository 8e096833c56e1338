import type { CancellationToken } from '../core/index.ts';
import {
  decodeEndStream,
  END_STREAM,
  reasonOfCode,
  STREAM_ACCEPT_HEADER,
  STREAM_ENCODING_HEADER,
  STREAM_TYPE,
} from '../wire/index.ts';
import { Attempt } from './attempt.ts';
import { readChunks } from './body.ts';
import type { Callee } from './callee.ts';
import { decodeJson } from './codec.ts';
import { metadataIn, RpcError } from './error.ts';
import { envelopesIn, openMessage, sealMessage } from './messages.ts';
import { checkStreamHead } from './reply.ts';
import { Requests } from './requests.ts';
import type { StreamCall, StreamReply } from './transport.ts';

/** A stream of messages, one way or both. An answer that does not say how the call ended is a failure, whatever came. */
export class StreamAttempt extends Attempt implements StreamCall {
  readonly path: string;
  messages: Uint8Array | AsyncIterable<Uint8Array>;
  readonly #callee: Callee;
  readonly #request: unknown;
  #requests: Requests | undefined;

  /** @param request one, or an iterable of them, by the kind of the method */
  constructor(callee: Callee, request: unknown, token: CancellationToken, headers: Record<string, string>) {
    super(token, headers);
    this.#callee = callee;
    this.path = callee.path;
    this.#request = request;
    this.messages = NOTHING;
  }

  /** The responses as their schema reads them, then the end, or an RpcError. To leave it cancels the call. */
  async *responses(): AsyncGenerator<unknown> {
    let reply: StreamReply | undefined;
    try {
      this.token.throwIfCancelled();
      const { maxMessageBytes: limit, method, transport } = this.#callee;
      if (transport.stream === undefined) throw new RpcError('unimplemented', 'This transport carries no streams.');
      if (method.kind === 'serverStream') this.messages = await this.#seal(this.#request);
      else this.messages = this.#requests = new Requests(this.#request, (request) => this.#seal(request));
      const answer = await transport.stream(this);
      reply = answer;
      await checkStreamHead(answer, () => readChunks(answer.chunks, limit));
      yield* this.#read(answer);
    } catch (error) {
      throw this.explain(error);
    } finally {
      // An answer that was refused by its head has not been read, and would keep its connection.
      void reply?.chunks.return?.();
      // Also where the transport has asked for none.
      void this.#requests?.return();
    }
  }

  /** The one response of a method that has no more. */
  async response(): Promise<unknown> {
    const responses: unknown[] = [];
    for await (const response of this.responses()) {
      responses.push(response);
      if (responses.length > 1) break;
    }
    if (responses.length === 1) return responses[0];
    const got = responses.length === 0 ? 'none' : 'more';
    throw new RpcError('unimplemented', `Call to ${this.path}: expected one response, got ${got}.`);
  }

  protected describe(headers: Record<string, string>): void {
    headers['content-type'] = STREAM_TYPE;
    headers[STREAM_ACCEPT_HEADER] = 'gzip';
    if (this.#callee.compressMinBytes < Number.POSITIVE_INFINITY) headers[STREAM_ENCODING_HEADER] = 'gzip';
  }

  async *#read(reply: StreamReply): AsyncGenerator<unknown> {
    const { maxMessageBytes: limit, method } = this.#callee;
    let end: Uint8Array | undefined;
    const reading = { limit, encoding: reply.header(STREAM_ENCODING_HEADER), fault: 'internal' } as const;
    const opening = { what: 'response', fault: 'internal', token: this.token } as const;
    for await (const { flags, data } of envelopesIn(reply.chunks, reading, this.token)) {
      if (end !== undefined) throw new RpcError('internal', 'Expected nothing after the end of the stream.');
      if ((flags & END_STREAM) !== 0) {
        end = data;
        // A peer that answers early may hold the last bytes back until it has the rest of our requests.
        if (this.#requests?.over === false) break;
        continue;
      }
      const response = await openMessage(data, method.output, opening);
      this.token.throwIfCancelled();
      yield response;
    }
    if (end === undefined) throw new RpcError('internal', 'Expected the stream to say how it ended, it broke off.');
    throwIfFailed(end);
  }

  #seal(request: unknown): Uint8Array | Promise<Uint8Array> {
    return sealMessage(request, 'request', this.#callee.compressMinBytes);
  }
}

const NOTHING = new Uint8Array(0);

/** @throws RpcError when the last message of a stream says so, or says nothing that could be read */
function throwIfFailed(data: Uint8Array): void {
  const end = decodeEndStream(decodeJson(data));
  if (end === undefined) throw new RpcError('internal', 'Expected the end of the stream to be an object.');
  if (end.error === undefined) return;
  const { code, details, message } = end.error;
  const metadata = metadataIn(end.metadata);
  throw new RpcError(code, message, { details, metadata, reason: reasonOfCode(code), remote: true });
}
