/**
 * One exchange of a client with a server: what it sends, and what its failure means. A call is one of these, or several where
 * an interceptor sends again.
 *
 * 1. It fails with an RpcError and nothing else; stopped from here, with the token's error as its `cause`.
 * 2. Ended by the peer after the call's own deadline, it is reported as the deadline it was (gRPC does the same), and the
 *    token has heard of it before the caller does.
 */
import { CancellationError, type CancellationToken, clock, isCancellation, ringDue } from '../core/index.ts';
import {
  codeOfReason,
  copyOf,
  formatTimeout,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_HEADER,
  TIMEOUT_HEADER,
} from '../wire/index.ts';
import { withoutQuery } from './base-url.ts';
import { RpcError, rpcErrorWithoutStack } from './error.ts';
import type { CallPhase, OutgoingCall } from './transport.ts';

export abstract class Attempt implements OutgoingCall {
  readonly token: CancellationToken;
  readonly #headers: Record<string, string>;
  readonly #begunAt: number = clock.now();
  #sentAt: number | undefined;
  #answeredAt: number | undefined;

  constructor(token: CancellationToken, headers: Record<string, string>) {
    this.token = token;
    this.#headers = headers;
  }

  abstract readonly path: string;
  /** The headers that say what is sent. */
  protected abstract describe(headers: Record<string, string>): void;

  headers(): Record<string, string> {
    const headers = copyOf(this.#headers);
    this.describe(headers);
    headers[PROTOCOL_VERSION_HEADER] = PROTOCOL_VERSION;
    const timeout = formatTimeout(this.token.remaining());
    if (timeout !== undefined) headers[TIMEOUT_HEADER] = timeout;
    return headers;
  }

  reached(phase: CallPhase): void {
    if (phase === 'sent') this.#sentAt = clock.now();
    else this.#answeredAt = clock.now();
  }

  protected explain(error: unknown): RpcError {
    if (isCancellation(error) && this.token.error === error) return this.#stopped(error);
    // The peer answers at the deadline that is ours too, and its answer may overtake our timer.
    if (this.token.remaining() === 0) ringDue();
    const stop = this.token.error;
    if (stop !== undefined && isCancellation(error)) return this.#stopped(stop);
    if (!(error instanceof RpcError)) {
      // What is left is a response that is not JSON, or not by the contract; the schema's or codec's sentence says it.
      return new RpcError('internal', error instanceof Error ? error.message : String(error), { cause: error });
    }
    const atDeadline = error.code === 'canceled' || error.code === 'deadline_exceeded';
    if (!atDeadline || this.token.remaining() > 0) return error;
    return this.#stopped(stop ?? new CancellationError('TIMEOUT', { cause: error }));
  }

  #stopped(stop: CancellationError): RpcError {
    return stoppedError(withoutQuery(this.path), stop, stop.reason === 'TIMEOUT' ? ` after ${this.#account()}` : '');
  }

  /** Where the time went. */
  #account(): string {
    const now = clock.now();
    const total = milliseconds(now - this.#begunAt);
    if (this.#sentAt === undefined) return `${total}, before the request could be sent`;
    const before = `${total}: ${milliseconds(this.#sentAt - this.#begunAt)} until the request was sent`;
    if (this.#answeredAt === undefined) return `${before}, ${milliseconds(now - this.#sentAt)} waiting for the answer`;
    const waiting = milliseconds(this.#answeredAt - this.#sentAt);
    return `${before}, ${waiting} waiting for the answer, ${milliseconds(now - this.#answeredAt)} reading it`;
  }
}

/** The one kind of error in a storm of cancels, and one that nobody debugs by its stack: it goes without. */
export function stoppedError(path: string, stop: CancellationError, where = ''): RpcError {
  const message = `Call to ${path}: ${stop.message}${where}`;
  return rpcErrorWithoutStack(codeOfReason(stop.reason), message, { reason: stop.reason, cause: stop });
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}
