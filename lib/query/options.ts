import { type Cancellable, type CancellationToken, currentToken, expected, toToken } from '../core/index.ts';

/**
 * What a cancel does to a query that is under way; Kysely calls the three the same.
 *
 * - `cancel query`: the server is asked to stop it; the connection lives on
 * - `kill session`: as well, and the connection is closed, with its transaction, its locks and its temporary tables
 * - `ignore query`: nothing; only the wait for it ends, and the connection comes back when it has ended
 */
export type Inflight = 'ignore query' | 'cancel query' | 'kill session';

/** How the queries of a database driver go under tokens. */
export interface QueryOptions {
  /** Whose cancel stops the queries; default: the token that is current where each begins (`nevermind/ambient`). */
  readonly token?: Cancellable | undefined;
  /** What a cancel does to a query that is under way. Default `cancel query`. */
  readonly inflight?: Inflight | undefined;
  /**
   * How long a query that was cancelled may take to end, in milliseconds. After that its promise rejects all the same, and
   * its connection is given up. Default 5,000; Infinity: as long as it takes.
   */
  readonly graceMs?: number | undefined;
}

/** The options, checked. */
export interface Policy {
  readonly inflight: Inflight;
  readonly graceMs: number;
  /** The token of what begins now. */
  token(): CancellationToken;
}

const inflights: readonly unknown[] = ['ignore query', 'cancel query', 'kill session'] satisfies Inflight[];

/** @throws TypeError or RangeError that names the option */
export function policyOf(options: QueryOptions): Policy {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const { token, inflight = 'cancel query', graceMs = 5_000 } = options;
  if (!inflights.includes(inflight))
    throw new TypeError(expected('inflight', `one of ${inflights.join(', ')}`, inflight));
  const limit = 'a number of milliseconds, 0 or more';
  if (typeof graceMs !== 'number') throw new TypeError(expected('graceMs', limit, graceMs));
  if (!(graceMs >= 0)) throw new RangeError(expected('graceMs', limit, graceMs));
  const given = token === undefined ? undefined : toToken('token', token);
  return { inflight, graceMs, token: given === undefined ? currentToken : () => given };
}
