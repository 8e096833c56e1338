/**
 * The seam between a client and what carries its calls: one for fetch, one for node:http2, and whatever a user brings.
 *
 * A transport keeps these laws:
 * 1. It sends nothing before it is called, and asks for `headers()` at the moment of sending, as the deadline among
 *    them is what remains then.
 * 2. When `token` is cancelled it tells the peer first (RST_STREAM CANCEL, or an aborted fetch), then rejects with
 *    `token.error`, without waiting for the peer. A deadline that has passed the peer knows: see linger.ts.
 * 3. It never resolves with a response that was cut off; the rest of a stream's answer that is cut off fails.
 * 4. Every other failure rejects with an RpcError whose code is by the status table and whose `neverProcessed` is honest.
 */
import type { CancellationToken } from '../core/index.ts';

/** What a transport needs of a call, whatever its kind. */
export interface OutgoingCall {
  /** `/{package.Service}/{Method}`, with a query where the call is a GET. */
  readonly path: string;
  /** Live when the call begins. */
  readonly token: CancellationToken;
  headers(): Record<string, string>;
  /** Tells where the call has got to, so that a deadline's error can say where the time went. */
  reached(phase: CallPhase): void;
}

export interface UnaryCall extends OutgoingCall {
  /** The request as JSON, compressed where the headers say so; undefined: it is in the path, and the call a GET. */
  readonly body: string | Uint8Array | undefined;
}

export interface StreamCall extends OutgoingCall {
  /** The request's messages, in envelopes. One that stands by itself can be sent again. */
  readonly messages: Uint8Array | AsyncIterable<Uint8Array>;
}

/** The request has left this process; the head of the response has come. */
export type CallPhase = 'sent' | 'answered';

/** The head of an answer. */
export interface ReplyHead {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by ', '. */
  header(name: string): string | undefined;
  headers(): Iterable<[name: string, value: string]>;
}

export interface UnaryReply extends ReplyHead {
  /** Not compressed any more. */
  readonly body: Uint8Array;
}

export interface StreamReply extends ReplyHead {
  /** The rest, as it comes, no faster than it is read. To leave it cancels the call. A stream that was cut off fails. */
  readonly chunks: AsyncIterableIterator<Uint8Array>;
}

export interface Transport {
  unary(call: UnaryCall): Promise<UnaryReply>;
  /** Resolves with the head of the answer, while the request may still be on its way. Absent: no streams. */
  stream?(call: StreamCall): Promise<StreamReply>;
  /** Ends idle connections now and the others when their calls have ended; further calls fail. Idempotent. */
  close?(): Promise<void>;
}
