// Pools of mysql2 under tokens, for MySQL and MariaDB.
//
// 1. What is handed out is the driver's own pool and connection, seen through a proxy; so `pool.query`, transactions, streams and
//    the libraries above all come by here.
// 2. A connection goes back to its pool when nothing is under way on it, no KILL is on its way to it, and no transaction is open
//    that a cancel has cut.
// 3. KILL goes over a connection beside the pool, opened for the first cancel and closed after the last that waits.
import type { Pool, PoolConnection } from 'mysql2';
import type { Pool as PromisePool } from 'mysql2/promise';
import { type CancellationToken, expected, runAsCurrent } from '../core/index.ts';
import { type Begin, governing, Lane, type Policy, policyOf, type QueryOptions, type Session } from '../query/index.ts';

export type { Inflight, QueryOptions } from '../query/index.ts';

/**
 * Puts the queries of a pool under tokens: under `options.token`, else each under the one that is current where it begins
 * (`nevermind/ambient`). It returns the same pool, seen so that `query`, `execute` and `getConnection`, and the connections that
 * it hands out, heed a token; the pool itself stays as it is. Kysely and Drizzle take it for a pool of their own.
 *
 *     const db = cancellablePool(createPool(uri));
 *     await runWithToken(token, () => db.query('select sleep(60)')); // rejects with token.error within milliseconds of a cancel
 *
 * Cancellation: what is cancelled already is never sent, and a wait for a connection ends at once. A query under way is stopped
 * on the server, by KILL QUERY on a connection beside the pool, which the server must have room for; `kill session` uses KILL
 * CONNECTION. The promise, or callback, is settled when the query has ended: with its value or its own error where that came
 * first, else with the token's error. After `graceMs`, as when the server lets nobody in to kill, it rejects all the same, with
 * a CancellationError that says why, and the connection is closed. A connection is not used again before the KILL can no longer
 * reach it. With `ignore query` the promise rejects at once.
 *
 * What the server calls stopped is its own affair: where a function such as `benchmark` or MySQL's `sleep` is interrupted, it
 * yields a value, and that is a value.
 *
 * Transactions: ROLLBACK runs under a cancelled token too, and a COMMIT that has begun is not stopped. A connection that is
 * released after a cancel is rolled back first. KILL QUERY undoes the statement that it stops, not the transaction.
 *
 * Deadline: the token's deadline cancels like everything else; it is not handed to the server.
 *
 * Statements of `connection.prepare` heed no token; `execute` prepares its own.
 *
 * @param pool of mysql2 3, of `mysql2` or of `mysql2/promise`; no PoolCluster
 * @throws TypeError or RangeError that names the argument
 */
export function cancellablePool<P extends Pool | PromisePool>(pool: P, options: QueryOptions = {}): P {
  const core = (pool as PromisePool | undefined)?.pool as Pool | undefined;
  if (core !== undefined) return cancellablePool(core, options).promise((pool as { Promise?: never }).Promise) as P;
  if (typeof pool?.getConnection !== 'function' || typeof (pool as Partial<Pool>).releaseConnection !== 'function') {
    throw new TypeError(expected('pool', 'a pool of mysql2 3', pool));
  }
  const view = new View(pool as Pool, policyOf(options));
  const own: Record<PropertyKey, unknown> = {
    getConnection: view.getConnection,
    releaseConnection: (connection: { release(): void }) => connection.release(),
  };
  return new Proxy(pool, {
    get: (target, name, receiver) => (Object.hasOwn(own, name) ? own[name] : Reflect.get(target, name, receiver)),
  });
}

type Connected = (error: unknown, connection?: PoolConnection) => void;
type Answered = (error: unknown, ...rest: unknown[]) => void;

/** What mysql2 runs: an emitter, that also calls back where it was given a callback. */
interface Command {
  readonly sql?: string;
  onResult?: Answered | undefined;
  emit(name: string, ...rest: unknown[]): boolean;
  once(name: string, listener: () => void): unknown;
}

/** What mysql2's connections have beyond their types. */
interface Inner extends Omit<PoolConnection, 'query' | 'execute' | 'config'> {
  readonly stream: { destroy(): void };
  readonly config: object;
  addCommand(command: Command): Command;
  query(...args: unknown[]): Command;
  execute(...args: unknown[]): Command;
}

/** One for each connection, through however many views it is seen. */
const lanes = new WeakMap<PoolConnection, Lane>();

class View {
  readonly #pool: Pool;
  readonly #policy: Policy;
  readonly #connections = new WeakMap<PoolConnection, PoolConnection>();

  constructor(pool: Pool, policy: Policy) {
    this.#pool = pool;
    this.#policy = policy;
  }

  readonly getConnection = (connected: Connected): void => {
    const token = this.#policy.token();
    // A pool calls back from where somebody else has released a connection: another token is current there.
    const answer: Connected = (error, connection) => runAsCurrent(token, () => connected(error, connection));
    this.#acquire(token).then((connection) => answer(null, connection), answer);
  };

  #acquire(token: CancellationToken): Promise<PoolConnection> {
    if (token.cancelled) return Promise.reject(token.error);
    return new Promise((resolve, reject) => {
      const registration = token.onCancel(reject);
      this.#pool.getConnection((error, connection) => {
        registration.unregister();
        if (error) return reject(error);
        if (!token.cancelled) return resolve(this.#seen(connection));
        connection.release();
        reject(token.error);
      });
    });
  }

  #seen(connection: PoolConnection): PoolConnection {
    const known = this.#connections.get(connection);
    if (known !== undefined) return known;
    const lane = lanes.get(connection) ?? new Lane(sessionOf(connection, this.#pool));
    lanes.set(connection, lane);
    const inner = connection as unknown as Inner;
    const query = (...args: unknown[]): Command => this.#run(inner, lane, 'query', args);
    const release = () => void lane.leave(() => connection.release());
    const own: Record<PropertyKey, unknown> = {
      query,
      execute: (...args: unknown[]) => this.#run(inner, lane, 'execute', args),
      beginTransaction: (done: Answered) => query('START TRANSACTION', done),
      commit: (done: Answered) => query('COMMIT', done),
      rollback: (done: Answered) => query('ROLLBACK', done),
      release,
      [Symbol.dispose]: release,
      promise: (implementation?: PromiseConstructor) => connection.promise.call(seen, implementation),
    };
    const seen = new Proxy(connection, {
      get(target, name) {
        if (Object.hasOwn(own, name)) return own[name];
        const value: unknown = Reflect.get(target, name);
        // On the connection itself: it hands itself to its pool, which must know it again.
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    this.#connections.set(connection, seen);
    return seen;
  }

  /** The command is made at once, as it is what the caller gets, and given to the connection when its turn has come. */
  #run(connection: Inner, lane: Lane, method: 'query' | 'execute', args: unknown[]): Command {
    const made: Command[] = [];
    const stage: Inner = Object.create(connection, {
      addCommand: {
        value: (command: Command) => {
          made.push(command);
          return command;
        },
      },
    });
    const answer = new Answer(args);
    const command = stage[method](...answer.args);
    const begin: Begin<void> = (told) =>
      new Promise((resolve) => {
        answer.await(command, told, resolve);
        connection.once('error', resolve);
        command.once('end', () => connection.removeListener('error', resolve));
        for (const one of made) connection.addCommand(one);
      });
    const token = governing(textOf(args[0]), this.#policy.token());
    lane.run(begin, token, this.#policy).catch((error) => answer.instead(command, error));
    return command;
  }
}

function textOf(what: unknown): string {
  return typeof what === 'string' ? what : ((what as { sql?: string }).sql ?? '');
}

/** The way of a command's end to whoever waits for it: told once, in the words of the token where it was that. */
class Answer {
  /** What the command is to be made of, with our callback in place of the given one. */
  readonly args: unknown[];
  readonly #callback: Answered | undefined;
  #heard: Answered = () => {};
  #told = false;
  #begun = false;

  constructor(args: unknown[]) {
    const heard: Answered = (...end) => this.#heard(...end);
    const [what] = args;
    if (isCommand(what)) {
      this.#callback = what.onResult;
      if (what.onResult !== undefined) what.onResult = heard;
      this.args = [what];
    } else {
      const place = args.findIndex((one) => typeof one === 'function');
      this.#callback = args[place] as Answered | undefined;
      this.args = place === -1 ? args : args.with(place, heard);
    }
  }

  /** @param ended called when the command has ended */
  await(command: Command, told: (error: unknown) => unknown, ended: () => void): void {
    this.#begun = true;
    command.once('end', ended);
    if (this.#callback !== undefined) {
      this.#heard = (error, ...rest) => {
        ended();
        this.#tell(this.#callback as Answered, error && told(error), ...rest);
      };
      return;
    }
    const { emit } = command;
    command.emit = (name, ...rest) => {
      if (name !== 'error') return emit.call(command, name, ...rest);
      ended();
      return this.#tell((error) => emit.call(command, 'error', error), told(rest[0]));
    };
  }

  /** Tells of an end that the command has not come to. */
  instead(command: Command, error: unknown): void {
    this.#tell(this.#callback ?? ((error) => command.emit('error', error)), error);
    if (!this.#begun) command.emit('end');
  }

  #tell(listener: Answered, ...end: [error: unknown, ...rest: unknown[]]): boolean {
    if (this.#told) return true;
    this.#told = true;
    listener(...end);
    return true;
  }
}

function isCommand(what: unknown): what is Command {
  return typeof what === 'object' && what !== null && 'onResult' in what;
}

function sessionOf(connection: PoolConnection, pool: Pool): Session {
  const inner = connection as unknown as Inner;
  const killer = killers.get(pool) ?? new Killer();
  killers.set(pool, killer);
  return {
    cancel: () => killer.run(`KILL QUERY ${connection.threadId}`, inner),
    kill: () => killer.run(`KILL CONNECTION ${connection.threadId}`, inner),
    probe: () => done(inner, 'DO 0'),
    clear: () => done(inner, 'ROLLBACK'),
    destroy() {
      connection.destroy();
      // By itself that would wait for the server to close its end too.
      inner.stream.destroy();
    },
    isStop(error, killed) {
      const { errno, fatal } = error as { errno?: unknown; fatal?: unknown };
      return errno === ER_QUERY_INTERRUPTED || (killed && fatal === true);
    },
  };
}

const ER_QUERY_INTERRUPTED = 1317;
const ER_NO_SUCH_THREAD = 1094;

function done(connection: Inner, sql: string): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.query(sql, (error: unknown) => (error ? reject(error) : resolve()));
  });
}

const killers = new WeakMap<Pool, Killer>();

/** The connection beside a pool. */
class Killer {
  #connection: Inner | undefined;
  #waiting = 0;

  /** @param like the connection to be killed, whose server, user and encryption it takes */
  async run(sql: string, like: Inner): Promise<void> {
    const connection = this.#connection ?? this.#open(like);
    this.#waiting++;
    try {
      await done(connection, sql);
    } catch (error) {
      // It is gone, and its query with it.
      if ((error as { errno?: unknown }).errno !== ER_NO_SUCH_THREAD) throw error;
    } finally {
      if (--this.#waiting === 0) this.#connection?.end();
      if (this.#waiting === 0) this.#connection = undefined;
    }
  }

  #open(like: Inner): Inner {
    const { config } = like;
    const Connection = Object.getPrototypeOf(like.constructor) as new (options: { config: object }) => Inner;
    const own = Object.create(Object.getPrototypeOf(config), Object.getOwnPropertyDescriptors(config));
    const connection = new Connection({ config: Object.assign(own, { database: undefined }) });
    // Whoever waits hears of it from their own command.
    connection.on('error', () => {
      if (this.#connection === connection) this.#connection = undefined;
    });
    this.#connection = connection;
    return connection;
  }
}
