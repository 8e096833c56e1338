// postgres.js under tokens.
//
// 1. What is handed out is the driver's own function, seen through a proxy, and its own queries, whose way to a connection leads by
//    here; so fragments, cursors, transactions and the libraries above are what they were.
// 2. The driver sends several queries down one connection. A query under a token has a connection to itself, as a cancel stops
//    whatever a connection runs; it is taken with `reserve`, which costs no round trip.
import { readFile } from 'node:fs/promises';
import type { Sql } from 'postgres';
import { type CancellationToken, expected } from '../core/index.ts';
import { type Face, isQuery, type Method, type Query, Seat, type Send, WaitingRoom } from '../postgres-js/index.ts';
import { governing, type Policy, policyOf, type QueryOptions } from '../query/index.ts';

export type { Inflight, QueryOptions } from '../query/index.ts';

/**
 * Puts the queries of postgres.js under tokens: under `options.token`, else each under the one that is current where it is
 * written (`nevermind/ambient`). It returns the same function, seen so that its queries, `unsafe`, `file`, `begin` and `reserve`
 * heed a token; the function itself stays as it is. Drizzle takes it for its own, and Kysely through its dialect.
 *
 *     const db = cancellableSql(postgres());
 *     await runWithToken(token, () => db`select pg_sleep(60)`); // rejects with token.error within milliseconds of a cancel
 *
 * Cancellation: what is cancelled already is never sent, and a wait for a connection ends at once. A query under way is stopped on
 * the server, by a CancelRequest of the PostgreSQL protocol on a connection of its own. The promise settles when the query has
 * ended: with its value or its own error where that came first, else with the token's error. After `graceMs` it rejects all the
 * same, with a CancellationError that says why, and the connection is closed as soon as the server lets go of it. A connection is
 * not used again before the cancel can no longer reach it. With `ignore query` the promise rejects at once.
 *
 * Transactions: `begin` rolls back when its function fails, and also when its token was cancelled before the commit. The
 * queries of one are sent one after the other, where the driver would send them together. A reserved connection that is
 * released with a transaction open that a cancel has cut is rolled back first.
 *
 * Deadline: the token's deadline cancels like everything else; it is not handed to the server.
 *
 * A query under a token that nothing can cancel goes its usual way. COPY (`readable`, `writable`) is not stopped: destroy its
 * stream. `listen`, `subscribe` and `largeObject` heed no token.
 *
 * @param sql of postgres 3.4, with `fetch_types` on: without it `reserve` waits for ever for a connection that it opens
 * @throws TypeError or RangeError that names the argument
 */
export function cancellableSql<S extends Sql>(sql: S, options: QueryOptions = {}): S {
  if (typeof sql !== 'function' || typeof sql.reserve !== 'function' || typeof sql.options !== 'object') {
    throw new TypeError(expected('sql', 'what postgres() of postgres 3.4 returned', sql));
  }
  const face = sql as unknown as Face;
  if (face.options.fetch_types === false) {
    throw new TypeError(expected('sql.options.fetch_types', 'true, as postgres reserves no connection without', false));
  }
  return new View(face, policyOf(options)).pool() as unknown as S;
}

class View {
  readonly #sql: Face;
  readonly #policy: Policy;
  readonly #room: WaitingRoom;

  constructor(sql: Face, policy: Policy) {
    this.#sql = sql;
    this.#policy = policy;
    this.#room = WaitingRoom.of(sql);
  }

  pool(): Face {
    const send: Send = (query, token, handler) => {
      if (this.#room.ended || !(token.canBeCancelled || token.cancelled)) handler(query);
      else this.#alone(query, token).catch((error) => query.reject(error));
    };
    return this.#seen(this.#sql, send, { begin: (...args) => this.#begin(args), reserve: () => this.#reserve() });
  }

  /** Its queries get their token where they are written, as who waits for one may stand elsewhere. */
  #seen(face: Face, send: Send, own: Record<PropertyKey, Method>): Face {
    const guard = (query: Query, path?: string): Query => {
      const token = this.#policy.token();
      const handler = path === undefined ? query.handler : face.unsafe('').handler;
      const go = (query: Query): void => {
        const governed = governing(query.strings[0] ?? '', token);
        if (query.streaming && !governed.cancelled) handler(query);
        else send(query, governed, handler);
      };
      const read = async (query: Query, path: string): Promise<void> => {
        query.strings = [await readFile(path, 'utf8')];
        go(query);
      };
      const way = path === undefined ? go : (query: Query) => void read(query, path).catch(query.reject);
      query.handler = Object.assign(way, { debug: handler.debug });
      return query;
    };
    const methods: Record<PropertyKey, Method> = {
      unsafe: (...args) => guard(Reflect.apply(face.unsafe, face, args)),
      file: (...args) => guard(Reflect.apply(face.file, face, args), args[0] as string),
      ...own,
    };
    return new Proxy(face, {
      apply(target, self, args) {
        const made: unknown = Reflect.apply(target, self, args);
        return isQuery(made) ? guard(made) : made;
      },
      get: (target, name) => (Object.hasOwn(methods, name) ? methods[name] : Reflect.get(target, name)),
    });
  }

  #seat(face: Face): Seat {
    return new Seat(face, this.#sql.options, this.#policy);
  }

  async #alone(query: Query, token: CancellationToken): Promise<void> {
    const reserved = await this.#room.take(token);
    const seat = this.#seat(reserved);
    seat.send(query, token, seat.handler);
    seat.leave((alive) => this.#room.giveBack(reserved, alive));
  }

  async #reserve(): Promise<Face> {
    const reserved = await this.#room.take(this.#policy.token());
    const seat = this.#seat(reserved);
    let held = true;
    const release = (): void => {
      if (held) seat.leave((alive) => this.#room.giveBack(reserved, alive));
      held = false;
    };
    return this.#seen(reserved, seat.send, { release });
  }

  #begin(args: unknown[]): Promise<unknown> {
    const token = this.#policy.token();
    if (token.cancelled) return Promise.reject(token.error);
    let seat: Seat | undefined;
    return new Promise((resolve, reject) => {
      const registration = token.onCancel(reject);
      const inside = (sql: Face): Promise<unknown> => {
        registration.unregister();
        seat = this.#seat(sql);
        return this.#inside(sql, seat, args.at(-1) as Method, token);
      };
      const done = this.#sql.begin(...args.slice(0, -1), inside).finally(() => {
        registration.unregister();
        seat?.forget();
      });
      done.then(resolve, (error) => reject(seat?.failure(error) ?? error));
    });
  }

  /** The driver rolls back, or commits, as soon as this has settled. */
  async #inside(sql: Face, seat: Seat, work: Method, token: CancellationToken): Promise<unknown> {
    const savepoint: Method = (...args) => {
      const inner = args.at(-1) as Method;
      if (typeof inner !== 'function') return sql.savepoint(...args);
      return sql.savepoint(...args.slice(0, -1), (nested: Face) => this.#inside(nested, seat, inner, token));
    };
    try {
      token.throwIfCancelled();
      const made = work(this.#seen(sql, seat.send, { savepoint }));
      const value = await (Array.isArray(made) ? Promise.all(made) : made);
      await seat.free();
      token.throwIfCancelled();
      return value;
    } catch (error) {
      await seat.free();
      if (seat.failed(error)) throw error;
      return new Promise(() => {});
    }
  }
}
