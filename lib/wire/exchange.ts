import type { CancellationToken } from '../core/index.ts';

/**
 * One HTTP exchange as a server of ours hands it to a handler that does without web `Request` and `Response` objects,
 * which double the price of a request on Node (docs/decisions). Header names are lower case.
 */
export interface Exchange {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  /** Cancelled when the peer leaves before the response is queued, at the server's own deadline, and on shutdown. */
  readonly token: CancellationToken;
  /** The value of one request header; repeated ones are joined by ', '. */
  header(name: string): string | undefined;
  headers(): Iterable<[name: string, value: string]>;
  /** The whole request body. Rejects with {@link BodyTooLargeError} past `limit` bytes, without reading on. */
  body(limit: number): Promise<Uint8Array>;
  /**
   * The request's body piece by piece, in place of {@link body}: taken from the peer only as fast as it is read. Fails with the
   * error of `token` as soon as that is cancelled, and with an Error when the body broke off. To leave it stops the reading.
   */
  chunks(token: CancellationToken): AsyncIterableIterator<Uint8Array>;
  /** Queues the whole response, once. Does nothing when the peer has gone. */
  respond(status: number, headers: Record<string, string>, body?: string | Uint8Array): void;
  /** Begins a response that follows in pieces; undefined when the peer has gone. */
  stream(status: number, headers: Record<string, string>): ResponseWriter | undefined;
}

/** The rest of a response that has begun. */
export interface ResponseWriter {
  /** Sends a piece. The promise is there when the peer is slower than we are: wait for it, it never rejects. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /** Sends the last piece. Only a response that was ended counts as whole. */
  end(chunk: Uint8Array): void;
}

/** A handler may carry, under this key, a form of itself that takes an {@link Exchange}; a server prefers it. */
export const exchangeHandler: unique symbol = Symbol.for('nevermind.exchange-handler');

export interface ExchangeHandler {
  /**
   * Takes over one exchange. Resolves when its work has ended, which may be long after the response: a drain wants to know
   * what still runs. Never rejects.
   */
  (exchange: Exchange): Promise<void>;
}

/** The request's body went over the limit. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
  readonly limit: number;
  constructor(limit: number) {
    super(`Expected a body of at most ${limit} bytes; send less, or raise the server's limit.`);
    this.limit = limit;
  }
}
