/**
 * The seam between a client and what carries its calls: one for fetch, one for node:http2, and whatever a user brings.
 *
 * A transport keeps these laws:
 * 1. It sends nothing before `unary` is called, and asks for `headers()` at the moment of sending, as the deadline among
 *    them is what remains then.
 * 2. When `token` is cancelled it tells the peer first (RST_STREAM CANCEL, or an aborted fetch), then rejects with
 *    `token.error`, without waiting for the peer. A deadline that has passed the peer knows: see linger.ts.
 * 3. It never resolves with a response that was cut off.
 * 4. Every other failure rejects with an RpcError whose code is by the status table and whose `neverProcessed` is honest.
 */
import type { CancellationToken } from '../core/index.ts';

export interface UnaryCall {
  /** `/{package.Service}/{Method}`. */
  readonly path: string;
  /** The request as JSON. */
  readonly body: string;
  /** Live when the call begins. */
  readonly token: CancellationToken;
  headers(): Record<string, string>;
  /** Tells where the call has got to, so that a deadline's error can say where the time went. */
  reached(phase: CallPhase): void;
}

/** The request has left this process; the head of the response has come. */
export type CallPhase = 'sent' | 'answered';

export interface UnaryReply {
  readonly status: number;
  /** Lower-case names; repeated headers are joined by ', '. */
  header(name: string): string | undefined;
  headers(): Iterable<[name: string, value: string]>;
  readonly body: Uint8Array;
}

export interface Transport {
  unary(call: UnaryCall): Promise<UnaryReply>;
  /** Ends idle connections now and the others when their calls have ended; further calls fail. Idempotent. */
  close?(): Promise<void>;
}
