// Pools of node-postgres under tokens.
//
// 1. What is handed out is the driver's own pool and client, seen through a proxy; so `pool.query`, transactions, cursors and the
//    libraries above all come by here.
// 2. A client goes back to its pool when nothing is under way on it, no cancel is on its way to it, and no transaction is open
//    that a cancel has cut.
import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { Pool, PoolClient, QueryConfig, Submittable } from 'pg';
import { type CancellationToken, expected, isCancellation, runAsCurrent } from '../core/index.ts';
import {
  type Begin,
  governing,
  Lane,
  type Policy,
  type PostgresServer,
  policyOf,
  type QueryOptions,
  requestCancel,
  type Session,
  type SessionKey,
} from '../query/index.ts';

export type { Inflight, QueryOptions } from '../query/index.ts';

/**
 * Puts the queries of a pool under tokens: under `options.token`, else each under the one that is current where it begins
 * (`nevermind/ambient`). It returns the same pool, seen so that `query` and `connect`, and the clients that it hands out, heed a
 * token; the pool itself stays as it is. Kysely and Drizzle take it for a pool of their own.
 *
 *     const db = cancellablePool(new Pool());
 *     await runWithToken(token, () => db.query('select pg_sleep(60)')); // rejects with token.error within milliseconds of a cancel
 *
 * Cancellation: what is cancelled already is never sent, and a wait for a client ends at once. A query under way is stopped on
 * the server, by a CancelRequest of the PostgreSQL protocol on a connection of its own, which is no connection of the pool. The
 * promise settles when the query has ended: with its value or its own error where that came first, else with the token's error.
 * After `graceMs` it rejects all the same, with a CancellationError that says why, and the client is closed. A client is not used
 * again before the cancel can no longer reach it. With `ignore query` the promise rejects at once.
 *
 * Transactions: ROLLBACK runs under a cancelled token too, and a COMMIT that has begun is not stopped. A client that is released
 * with a transaction open that a cancel has cut is rolled back first. What a cancelled query has done outside of one stays done.
 *
 * Deadline: the token's deadline cancels like everything else; it is not handed to the server.
 *
 * Cursors and streams (pg-cursor, pg-query-stream) fail in the same way; one that is not read or closed for `graceMs` after
 * the cancel loses its client. A client runs one query at a time, so its `pipeline` option does nothing here.
 *
 * @param pool of pg 8, over JavaScript: the clients of pg-native have no key to be stopped by
 * @throws TypeError or RangeError that names the argument
 */
export function cancellablePool<P extends Pool>(pool: P, options: QueryOptions = {}): P {
  if (typeof pool?.connect !== 'function' || typeof (pool as { Client?: unknown }).Client !== 'function') {
    throw new TypeError(expected('pool', 'a Pool of pg 8', pool));
  }
  const view = new View(pool, policyOf(options));
  return new Proxy(pool, {
    get: (target, name, receiver) => (name === 'connect' ? view.connect : Reflect.get(target, name, receiver)),
  });
}

type Release = PoolClient['release'];
type Connected = (error: Error | undefined, client: PoolClient | undefined, release: Release) => void;
type Answered = (error: unknown, result?: unknown) => void;

/** What pg's clients have beyond their types. */
interface Inner {
  readonly processID: unknown;
  readonly secretKey: unknown;
  readonly host: string;
  readonly port: number;
  readonly ssl: boolean | ConnectionOptions;
  readonly sslNegotiation?: string;
  readonly connection: unknown;
  /** Since pg 8.17: `I` outside of a transaction. */
  getTransactionStatus?(): string | null;
  end(): Promise<void>;
}

/** A query in the shape of pg's own, as cursors and streams are. */
interface Submitted extends Submittable {
  handleError?(error: unknown, connection: unknown): void;
  handleReadyForQuery?(connection: unknown): void;
}

/** One for each client, through however many views it is seen. */
const lanes = new WeakMap<PoolClient, Lane>();

class View {
  readonly #pool: Pool;
  readonly #policy: Policy;
  readonly #clients = new WeakMap<PoolClient, PoolClient>();

  constructor(pool: Pool, policy: Policy) {
    this.#pool = pool;
    this.#policy = policy;
  }

  readonly connect = (connected?: Connected): Promise<PoolClient> | undefined => {
    const token = this.#policy.token();
    const client = this.#acquire(token);
    if (connected === undefined) return client;
    client.then(
      // A pool calls back from where somebody else has released a client: another token is current there.
      (client) => runAsCurrent(token, () => connected(undefined, client, client.release)),
      (error) => connected(error, undefined, () => {}),
    );
    return undefined;
  };

  #acquire(token: CancellationToken): Promise<PoolClient> {
    if (token.cancelled) return Promise.reject(token.error);
    return new Promise((resolve, reject) => {
      const registration = token.onCancel(reject);
      this.#pool.connect((error, client, release) => {
        registration.unregister();
        if (client === undefined) return reject(error);
        const refused = token.error ?? this.#unfit(client);
        if (refused === undefined) return resolve(this.#seen(client));
        release();
        reject(refused);
      });
    });
  }

  #unfit(client: PoolClient): TypeError | undefined {
    const { processID, secretKey } = client as unknown as Inner;
    if (typeof processID === 'number' && typeof secretKey === 'number') return undefined;
    if (this.#policy.inflight === 'ignore query') return undefined;
    const key = 'the number by which a session is stopped (pg-native and some poolers give none: use `ignore query`)';
    return new TypeError(expected('client.secretKey', key, secretKey));
  }

  #seen(client: PoolClient): PoolClient {
    const known = this.#clients.get(client);
    if (known !== undefined) return known;
    const lane = lanes.get(client) ?? new Lane(sessionOf(client, this.#pool));
    lanes.set(client, lane);
    const own: Record<PropertyKey, unknown> = {
      query: (...args: Arguments) => this.#query(client, lane, args),
      release: (error?: Error | boolean | null) => this.#release(client, lane, error),
    };
    const seen = new Proxy(client, {
      get: (target, name, receiver) => (Object.hasOwn(own, name) ? own[name] : Reflect.get(target, name, receiver)),
    });
    this.#clients.set(client, seen);
    return seen;
  }

  #query(client: PoolClient, lane: Lane, [what, values, last]: Arguments): unknown {
    const answered = [values, last, (what as { callback?: unknown }).callback].find((one) => typeof one === 'function');
    if (typeof what !== 'string' && 'submit' in what) return this.#submit(client, lane, what, answered as Answered);
    const config = typeof what === 'string' ? { text: what } : configOf(what);
    const parameters = typeof values === 'function' ? undefined : values;
    const token = governing(config.text, this.#policy.token());
    const result = lane.run(() => client.query(config, parameters as unknown[]), token, this.#policy);
    if (answered === undefined) return result;
    result.then((value) => (answered as Answered)(null, value), answered as Answered);
    return undefined;
  }

  #submit(client: PoolClient, lane: Lane, query: Submitted, answered: Answered | undefined): Submitted {
    const { handleError, handleReadyForQuery } = query;
    let told = false;
    const begin: Begin<void> = (heard) =>
      new Promise((resolve) => {
        query.handleError = (error, connection) => {
          resolve();
          if (!told) handleError?.call(query, heard(error), connection);
        };
        query.handleReadyForQuery = (connection) => {
          resolve();
          if (!told) handleReadyForQuery?.call(query, connection);
        };
        (client.query as (query: Submitted, answered?: Answered) => void).call(client, query, answered);
      });
    lane.run(begin, this.#policy.token(), this.#policy).catch((error) => {
      told = true;
      handleError?.call(query, error, (client as unknown as Inner).connection);
    });
    return query;
  }

  #release(client: PoolClient, lane: Lane, error: Error | boolean | null | undefined): void {
    // Of this one time that it was handed out.
    const { release } = client;
    // A query that was stopped is no fault of its client's.
    if (error && !isCancellation(error)) release(error);
    else if (!lane.leave((lost) => release(lost || undefined)))
      throw new Error('The client has been released already.');
  }
}

type Arguments = [what: string | QueryConfig | Submitted, values?: unknown, last?: unknown];

/** The query as it is now, as it may wait. Templates have `text` from a getter of their class, which a spread leaves out. */
function configOf(what: QueryConfig & { rowMode?: unknown }): QueryConfig {
  const { name, text, values, types, rowMode } = what;
  // The callback is ours to call.
  return { ...what, name, text, values, types, rowMode, callback: undefined } as QueryConfig;
}

function sessionOf(client: PoolClient, pool: Pool): Session {
  const inner = client as unknown as Inner;
  const cancel = () => requestCancel(serverOf(inner, pool), keyOf(inner));
  return {
    cancel,
    // The session ends with its connection, which is closed next.
    kill: cancel,
    probe: () => client.query(''),
    clear: async () => inner.getTransactionStatus?.() === 'I' || client.query('ROLLBACK'),
    destroy: () => void inner.end(),
    isStop: (error) => (error as { code?: unknown } | null)?.code === QUERY_CANCELLED,
  };
}

/** The SQLSTATE of a statement that was stopped. */
const QUERY_CANCELLED = '57014';

function keyOf({ processID, secretKey }: Inner): SessionKey {
  return { pid: processID as number, secret: secretKey as number };
}

function serverOf({ host, port, ssl, sslNegotiation }: Inner, pool: Pool): PostgresServer {
  const { stream } = pool.options;
  return {
    host,
    port,
    path: host.startsWith('/') ? `${host}/.s.PGSQL.${port}` : undefined,
    // pg hides the key from whoever lists the options.
    tls: typeof ssl === 'boolean' ? (ssl ? {} : undefined) : { ...ssl, key: ssl.key },
    negotiation: sslNegotiation === 'direct' ? 'direct' : undefined,
    socket: typeof stream === 'function' ? () => stream() as Socket : undefined,
  };
}
