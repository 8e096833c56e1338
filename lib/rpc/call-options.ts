import { type Cancellable, expected } from '../core/index.ts';
import { checkMetadata } from './error.ts';

/** Headers as a caller may give them; names in any case. */
export type HeadersLike = Readonly<Record<string, string>> | Iterable<readonly [name: string, value: string]>;

export interface CallOptions {
  /**
   * Whose cancel stops the call, and whose deadline limits it; default: the current token, where there is one.
   * `CancellationToken.none` keeps a call out of that.
   */
  readonly token?: Cancellable | undefined;
  /** Milliseconds from now, never more than the token has left; 0 or less: nothing is sent; default: the client's. */
  readonly timeout?: number | undefined;
  /** Sent with this call, beside the client's own. */
  readonly headers?: HeadersLike | undefined;
}

/** Options in the form that a call works with. */
export interface CallSettings {
  readonly token: Cancellable | undefined;
  readonly timeout: number | undefined;
  readonly headers: Record<string, string>;
}

export function checkTimeout(timeout: unknown): void {
  if (timeout === undefined || (typeof timeout === 'number' && !Number.isNaN(timeout))) return;
  const Kind = typeof timeout === 'number' ? RangeError : TypeError;
  throw new Kind(expected('timeout', 'a number of milliseconds', timeout));
}

/** @throws TypeError for a header that cannot be sent; a call checks the rest as it begins */
export function settle(options: CallOptions, defaults: CallSettings): CallSettings {
  return {
    token: options.token,
    timeout: options.timeout ?? defaults.timeout,
    headers:
      options.headers === undefined ? defaults.headers : { ...defaults.headers, ...plainHeaders(options.headers) },
  };
}

/**
 * Headers as one plain record with lower-case names.
 *
 * @throws TypeError for a name or a value that cannot be sent
 */
export function plainHeaders(headers: HeadersLike): Record<string, string> {
  const plain: Record<string, string> = {};
  const entries = Symbol.iterator in headers ? headers : Object.entries(headers);
  for (const [given, value] of entries as Iterable<readonly [string, string]>) {
    const name = given.toLowerCase();
    checkMetadata(name, value);
    plain[name] = value;
  }
  return plain;
}
