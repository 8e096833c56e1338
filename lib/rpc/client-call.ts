/**
 * One unary call of a client, from its options to its outcome.
 *
 * 1. Under a token that is cancelled, or a deadline that has passed, nothing is sent.
 * 2. It rejects with an RpcError and nothing else; stopped from here, with the token's error as its `cause`.
 * 3. Ended by the peer after the call's own deadline, it is reported as the deadline it was (gRPC does the same), and the
 *    token has heard of it before the caller does.
 */
import {
  CancellationError,
  CancellationSource,
  type CancellationToken,
  clock,
  currentToken,
  isCancellation,
  ringDue,
  toToken,
} from '../core/index.ts';
import {
  codeOfReason,
  formatTimeout,
  JSON_TYPE,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_HEADER,
  TIMEOUT_HEADER,
} from '../wire/index.ts';
import type { CallSettings } from './call-options.ts';
import { RpcError, rpcErrorWithoutStack } from './error.ts';
import { messageOf } from './reply.ts';
import { read, type Schema } from './schema.ts';
import type { CallPhase, Transport, UnaryCall } from './transport.ts';

/** What all calls of one method share. */
export interface Callee {
  readonly path: string;
  readonly output: Schema;
  readonly transport: Transport;
}

export class ClientCall implements UnaryCall {
  readonly body: string;
  readonly token: CancellationToken;
  /** The call's own; undefined when the token that was given serves, as there is no timeout and no handle to cancel by. */
  readonly source: CancellationSource | undefined;
  readonly #callee: Callee;
  readonly #headers: Record<string, string>;
  readonly #begunAt: number = clock.now();
  #sentAt: number | undefined;
  #answeredAt: number | undefined;

  /** @param own asks for a source even where there is no timeout */
  constructor(callee: Callee, body: string, settings: CallSettings, own: boolean) {
    this.#callee = callee;
    this.body = body;
    this.#headers = settings.headers;
    const parent = settings.token === undefined ? currentToken() : toToken('token', settings.token);
    const { timeout } = settings;
    this.source = own || timeout !== undefined ? new CancellationSource({ parent, timeout }) : undefined;
    this.token = this.source?.token ?? parent;
  }

  get path(): string {
    return this.#callee.path;
  }

  /** Settles once: with the response as its schema reads it, or with an RpcError. */
  async run(): Promise<unknown> {
    try {
      this.token.throwIfCancelled();
      return await read(this.#callee.output, messageOf(await this.#callee.transport.unary(this)), 'response');
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.source?.close();
    }
  }

  headers(): Record<string, string> {
    const headers: Record<string, string> = {
      ...this.#headers,
      'content-type': JSON_TYPE,
      [PROTOCOL_VERSION_HEADER]: PROTOCOL_VERSION,
    };
    const timeout = formatTimeout(this.token.remaining());
    if (timeout !== undefined) headers[TIMEOUT_HEADER] = timeout;
    return headers;
  }

  reached(phase: CallPhase): void {
    if (phase === 'sent') this.#sentAt = clock.now();
    else this.#answeredAt = clock.now();
  }

  #explain(error: unknown): RpcError {
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

  /** The one kind of error in a storm of cancels, and one that nobody debugs by its stack: it goes without. */
  #stopped(stop: CancellationError): RpcError {
    const where = stop.reason === 'TIMEOUT' ? ` after ${this.#account()}` : '';
    const message = `Call to ${this.path}: ${stop.message}${where}`;
    return rpcErrorWithoutStack(codeOfReason(stop.reason), message, { reason: stop.reason, cause: stop });
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

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}
