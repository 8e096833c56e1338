import type { CancellationToken } from '../core/index.ts';
import type { Exchange } from '../wire/index.ts';

/** What an implementation is told about the call it serves. */
export interface CallContext {
  /**
   * Cancelled when the caller cancels or leaves, at the deadline, and on shutdown, and by whatever else an interceptor has put
   * into its place. Hand it to whatever the call starts:
   * calls to the next hop then stop with this one, and get what is left of its time.
   */
  readonly token: CancellationToken;
  /** The token as an AbortSignal, made when first asked for. */
  readonly signal: AbortSignal;
  /** When the answer is due at the latest, on the monotonic clock of `clock.now()`; Infinity: never. */
  readonly deadline: number;
  /** Milliseconds until the deadline, never below 0; Infinity without one. */
  remaining(): number;
  /** The request's headers, as the interceptors have handed them on. */
  readonly headers: Headers;
  readonly service: string;
  readonly method: string;
}

export class ServerContext implements CallContext {
  readonly token: CancellationToken;
  readonly service: string;
  readonly method: string;
  readonly #exchange: Exchange;
  /** Made on first use: most implementations never look. */
  #headers: Headers | undefined;

  /** @param headers in place of the exchange's */
  constructor(token: CancellationToken, service: string, method: string, exchange: Exchange, headers?: Headers) {
    this.token = token;
    this.service = service;
    this.method = method;
    this.#exchange = exchange;
    this.#headers = headers;
  }

  get signal(): AbortSignal {
    return this.token.signal;
  }

  get deadline(): number {
    return this.token.deadline;
  }

  remaining(): number {
    return this.token.remaining();
  }

  get headers(): Headers {
    this.#headers ??= new Headers([...this.#exchange.headers()]);
    return this.#headers;
  }
}
