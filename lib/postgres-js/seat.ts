// One connection of postgres.js, for as long as it is ours.
//
// 1. Nothing is sent down a connection that has closed, nor is it given back: the driver does not live through either.
// 2. The connection is learnt from the first query that the driver lets see it, and known again by later ones.
// 3. What waits behind a query of a connection that ends is forgotten by the driver; so it is rejected here.
import { setImmediate } from 'node:timers/promises';
import type { CancellationToken } from '../core/index.ts';
import { type Begin, Lane, type Policy, requestCancel, type Session, type SessionKey } from '../query/index.ts';
import { type Connection, type Face, intercept, isLost, type Options, type Query, serversOf } from './driver.ts';

/** SQLSTATEs. */
const QUERY_CANCELLED = '57014';
const NO_ACTIVE_SQL_TRANSACTION = '25P01';

/** Sends a query under a token by other ways than its own, which is `handler`. */
export type Send = (query: Query, token: CancellationToken, handler: Query['handler']) => void;

/** Connections that have run a query of ours, by what the driver calls them in a query. */
const connections = new WeakMap<SessionKey, Connection>();

export class Seat implements Session {
  readonly #face: Face;
  readonly #options: Options;
  readonly #policy: Policy;
  readonly #lane: Lane = new Lane(this);
  #query: Query | undefined;
  #connection: Connection | undefined;
  /** Who else hears of its end. */
  #onclose: Connection['onclose'];
  /** What its connection has ended with. */
  #ended: { readonly error: unknown } | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Statements of ours, which may wait. */
  readonly #own = new Set<Query>();

  /** @param options of the pool: a connection does not tell its own */
  constructor(face: Face, options: Options, policy: Policy) {
    this.#face = face;
    this.#options = options;
    this.#policy = policy;
  }

  get handler(): Query['handler'] {
    return this.#face.unsafe('').handler;
  }

  readonly send: Send = (query, token, handler) => {
    let reject = query.reject;
    const begin: Begin<void> = (told) =>
      new Promise((resolve) => {
        intercept(query, 'resolve', (value, settle) => {
          settle(value);
          this.#landed(undefined, resolve);
        });
        reject = intercept(query, 'reject', (error, settle) => {
          settle(told(error));
          this.#landed(error, resolve);
        });
        if (this.#ended === undefined) this.#execute(query, handler);
        else query.reject(this.#ended.error);
      });
    this.#lane.run(begin, token, this.#policy).catch((error) => reject(error));
  };

  #execute(query: Query, handler: Query['handler']): void {
    query.options.onexecute = (connection) => {
      this.#meet(query, connection);
      return true;
    };
    this.#query = query;
    handler(query);
    const known = query.state === null ? undefined : connections.get(query.state);
    if (known !== undefined) this.#meet(query, known);
  }

  #meet({ state }: Query, connection: Connection): void {
    if (state !== null) connections.set(state, connection);
    if (this.#connection !== undefined) return;
    this.#connection = connection;
    this.#onclose = connection.onclose;
    connection.onclose = (error) => {
      this.#end(error);
      this.#onclose?.(error);
    };
  }

  #end(error: unknown): void {
    this.#ended ??= { error };
    for (const query of this.#own) query.reject(error);
  }

  /** The driver shows a connection to few queries; where the first was not among them, an empty one makes up for it. */
  #landed(error: unknown, resolve: () => void): void {
    if (isLost(error)) this.#end(error);
    if (this.#connection !== undefined || this.#ended !== undefined) resolve();
    else void this.probe().then(resolve, resolve);
  }

  async probe(): Promise<void> {
    await this.#run('');
  }

  /** Runs a statement of ours, from which the connection may be learnt, or that it has ended. */
  async #run(text: string): Promise<void> {
    const query = this.#face.unsafe(text);
    const { handler } = query;
    query.handler = (query) => {
      if (this.#ended === undefined) this.#execute(query, handler);
      else query.reject(this.#ended.error);
    };
    this.#own.add(query);
    try {
      await query;
    } catch (error) {
      if (isLost(error)) this.#end(error);
      throw error;
    } finally {
      this.#own.delete(query);
    }
  }

  async cancel(): Promise<void> {
    const key = this.#query?.state;
    // A query that is not sent yet has no session: there is another try.
    if (key === null || key === undefined || this.#ended !== undefined) return;
    const asked = await Promise.allSettled(serversOf(this.#options).map((server) => requestCancel(server, key)));
    for (const one of asked) if (one.status === 'fulfilled') return;
    throw (asked[0] as PromiseRejectedResult).reason;
  }

  kill(): Promise<void> {
    return this.cancel();
  }

  async clear(): Promise<void> {
    if (this.#ended !== undefined) return;
    // Outside of a transaction a ROLLBACK would be a warning, which the driver prints.
    const state = await this.#run('savepoint nevermind').catch((error) => error?.code);
    if (state !== NO_ACTIVE_SQL_TRANSACTION) await this.#run('rollback');
  }

  async destroy(): Promise<void> {
    // Behind a query that goes on, this waits for its end.
    if (this.#ended === undefined && this.#connection === undefined) await this.probe().catch(() => {});
    // Cut off before it has written what it is about to, the driver would write no more, on the next connection either.
    await setImmediate();
    if (this.#ended !== undefined) return;
    this.#end(new Error('The connection was closed, after a cancel.'));
    this.#connection?.terminate();
  }

  isStop(error: unknown): boolean {
    return (error as { code?: unknown } | null)?.code === QUERY_CANCELLED;
  }

  /** Waits until nothing is under way. */
  free(): Promise<void> | undefined {
    return this.#lane.free();
  }

  /**
   * Whether the driver may end a transaction that has failed. On a connection that has broken its ROLLBACK would stand in the way
   * of the next session for ever; the transaction is over without it, and the driver says so when the connection has closed.
   */
  failed(error: unknown): boolean {
    this.#failure ??= { error };
    return !isLost(this.#ended?.error);
  }

  /** @returns what a transaction has failed of, where the driver can only tell that its connection is gone */
  failure(error: unknown): unknown {
    return this.#ended !== undefined && this.#failure !== undefined ? this.#failure.error : error;
  }

  /** Lets go of a connection that goes back by itself. */
  forget(): void {
    if (this.#connection !== undefined) this.#connection.onclose = this.#onclose;
  }

  /** @param giveBack is told whether the connection is alive, when nothing is under way on it */
  leave(giveBack: (alive: boolean) => void): void {
    this.#lane.leave((lost) => {
      this.forget();
      giveBack(!lost && this.#ended === undefined);
    });
  }
}
