// The ways to cancel a query that people use, each over a pool of one connection, which is the first that it opens.
import { Kysely, sql as kyselySql, MysqlDialect, PostgresDialect } from 'kysely';
import mysql from 'mysql2';
import pg from 'pg';
import postgres from 'postgres';
import { cancellablePool as mysqlPool } from '../../../lib/adapters/mysql2.ts';
import { cancellablePool as pgPool } from '../../../lib/adapters/pg.ts';
import { cancellableSql } from '../../../lib/adapters/postgres.ts';
import { runWithToken } from '../../../lib/ambient.ts';
import { CancellationSource } from '../../../lib/core/index.ts';

/** How a query has ended, for whoever asked: with a value, with the word that it was cancelled, or with an error. */
type Ending = 'value' | 'stopped' | 'error';

interface Started {
  readonly ending: Promise<Ending>;
  cancel(): void;
}

export interface Rig extends AsyncDisposable {
  start(sql: string): Started;
  /** Somebody else's query, over the same connection. */
  next(sql: string): Promise<Ending>;
}

export interface Where {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export interface Rival {
  readonly name: string;
  readonly server: 'PostgreSQL' | 'MariaDB';
  readonly ours?: true;
  open(where: Where): Promise<Rig>;
}

const CANCELLED = new Set<unknown>(['57014', 'ER_QUERY_INTERRUPTED', 'ABORT_ERR', 20]);

function endingOf(promise: PromiseLike<unknown>): Promise<Ending> {
  return Promise.resolve(promise).then(
    () => 'value',
    (error: { code?: unknown; name?: unknown }) =>
      CANCELLED.has(error.code) || error.name === 'AbortError' ? 'stopped' : 'error',
  );
}

const quiet = (): void => {};

/** A statement on a second connection, which nobody waits for: what is found in most answers to the question. */
const bySecondConnection = async (where: Where): Promise<Rig> => {
  const pool = new pg.Pool({ ...where, max: 1 });
  const client = await pool.connect();
  const control = new pg.Client(where);
  await control.connect();
  const pid = (client as unknown as { processID: number }).processID;
  return {
    start: (text) => ({
      ending: endingOf(client.query(text)),
      cancel: () => void control.query('select pg_cancel_backend($1)', [pid]).catch(quiet),
    }),
    next: (text) => endingOf(client.query(text)),
    async [Symbol.asyncDispose]() {
      client.release();
      await pool.end();
      await control.end();
    },
  };
};

/** What pg itself has for it. */
const byClientCancel = async (where: Where): Promise<Rig> => {
  const pool = new pg.Pool({ ...where, max: 1 });
  const client = await pool.connect();
  return {
    start(text) {
      let query!: pg.Query;
      const answer = new Promise<unknown>((resolve, reject) => {
        query = new pg.Query(text, ((error: Error | null, result: unknown) =>
          error ? reject(error) : resolve(result)) as never);
      });
      client.query(query);
      const cancel = (): void => {
        const canceller = new pg.Client(where) as unknown as {
          connection: { on(name: 'error', listener: () => void): void };
          cancel(client: unknown, query: unknown): void;
        };
        canceller.connection.on('error', quiet);
        canceller.cancel(client, query);
      };
      return { ending: endingOf(answer), cancel };
    },
    next: (text) => endingOf(client.query(text)),
    async [Symbol.asyncDispose]() {
      client.release();
      await pool.end();
    },
  };
};

const byQueryCancel = async (where: Where): Promise<Rig> => {
  const sql = postgres({ ...where, max: 1 });
  await sql`select 1`;
  return {
    start(text) {
      const query = sql.unsafe(text);
      return { ending: endingOf(query.execute()), cancel: () => query.cancel() };
    },
    next: (text) => endingOf(sql.unsafe(text)),
    [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
  };
};

const byKillQuery = async (where: Where): Promise<Rig> => {
  const pool = mysql.createPool({ ...where, connectionLimit: 1 }).promise();
  const connection = await pool.getConnection();
  const control = mysql.createConnection(where).promise();
  await control.query('select 1');
  return {
    start: (text) => ({
      ending: endingOf(connection.query(text)),
      cancel: () => void control.query(`kill query ${connection.threadId}`).catch(quiet),
    }),
    next: (text) => endingOf(connection.query(text)),
    async [Symbol.asyncDispose]() {
      connection.release();
      await pool.end();
      await control.end();
    },
  };
};

function byKysely(db: Kysely<unknown>): Rig {
  return {
    start(text) {
      const controller = new AbortController();
      const query = kyselySql.raw(text).compile(db);
      const options = { signal: controller.signal, inflightQueryAbortStrategy: 'cancel query' } as const;
      return { ending: endingOf(db.executeQuery(query, options)), cancel: () => controller.abort() };
    },
    next: (text) => endingOf(kyselySql.raw(text).execute(db)),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

/** The first query opens the connection, as it does for all the others. */
async function warm(rig: Rig): Promise<Rig> {
  await rig.next('select 1');
  return rig;
}

function byTokens(
  query: (sql: string) => PromiseLike<unknown>,
  plain: (sql: string) => PromiseLike<unknown>,
  end: () => Promise<unknown>,
): Rig {
  return {
    start(text) {
      const source = new CancellationSource();
      return { ending: endingOf(runWithToken(source.token, () => query(text))), cancel: () => void source.cancel() };
    },
    next: (text) => endingOf(plain(text)),
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

export const RIVALS: readonly Rival[] = [
  { name: '`pg_cancel_backend`, not awaited', server: 'PostgreSQL', open: bySecondConnection },
  { name: 'pg: `client.cancel`', server: 'PostgreSQL', open: byClientCancel },
  { name: 'postgres: `query.cancel()`', server: 'PostgreSQL', open: byQueryCancel },
  {
    name: 'Kysely over pg: `cancel query`',
    server: 'PostgreSQL',
    open: (where) =>
      warm(byKysely(new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ ...where, max: 1 }) }) }))),
  },
  {
    name: '**nevermind over pg**',
    server: 'PostgreSQL',
    ours: true,
    open(where) {
      const pool = new pg.Pool({ ...where, max: 1 });
      const db = pgPool(pool);
      return warm(
        byTokens(
          (sql) => db.query(sql),
          (sql) => pool.query(sql),
          () => pool.end(),
        ),
      );
    },
  },
  {
    name: '**nevermind over postgres**',
    server: 'PostgreSQL',
    ours: true,
    open(where) {
      const pool = postgres({ ...where, max: 1 });
      const db = cancellableSql(pool);
      return warm(
        byTokens(
          (sql) => db.unsafe(sql),
          (sql) => pool.unsafe(sql),
          () => pool.end(),
        ),
      );
    },
  },
  { name: '`KILL QUERY`, not awaited', server: 'MariaDB', open: byKillQuery },
  {
    name: 'Kysely over mysql2: `cancel query`',
    server: 'MariaDB',
    open(where) {
      const pool = mysql.createPool({ ...where, connectionLimit: 1 });
      const controlConnection = (config: object) => mysql.createConnection(config);
      return warm(byKysely(new Kysely({ dialect: new MysqlDialect({ pool, controlConnection } as never) })));
    },
  },
  {
    name: '**nevermind over mysql2**',
    server: 'MariaDB',
    ours: true,
    open(where) {
      const pool = mysql.createPool({ ...where, connectionLimit: 1 }).promise();
      const db = mysqlPool(pool);
      return warm(
        byTokens(
          (sql) => db.query(sql),
          (sql) => pool.query(sql),
          () => pool.end(),
        ),
      );
    },
  },
];
