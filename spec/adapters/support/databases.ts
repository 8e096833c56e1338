// The three drivers behind one face, so that one list of laws can ask all of them.
import type { EventEmitter } from 'node:events';
import mysql from 'mysql2/promise';
import pg from 'pg';
import postgres from 'postgres';
import { cancellablePool as mysqlPool } from '../../../lib/adapters/mysql2.ts';
import { cancellablePool as pgPool, type QueryOptions } from '../../../lib/adapters/pg.ts';
import { cancellableSql } from '../../../lib/adapters/postgres.ts';
import { startMariadb } from '../../support/mariadb-server.ts';
import { startPostgres } from '../../support/postgres-server.ts';
import { MariadbAdmin } from './mariadb-admin.ts';
import { type Hold, PostgresAdmin, type Stubborn } from './postgres-admin.ts';

type Run = (sql: string) => Promise<Record<string, unknown>[]>;

/** A pool, and what an application does with it. */
export interface Opened extends AsyncDisposable {
  /** A query of the pool, under the token. */
  readonly query: Run;
  /** A query of the driver's own pool. */
  readonly plain: Run;
  /** A transaction as one writes them with the driver, under the token. */
  transaction<T>(work: (query: Run) => Promise<T>): Promise<T>;
  /** The most listeners on what the driver lets one see of a connection. */
  listeners(): number;
}

export interface Where {
  readonly max: number;
  /** Another port than the server's own. */
  readonly port?: number;
}

export interface Database extends AsyncDisposable {
  readonly port: number;
  /** Where it is, for who opens connections of their own. */
  readonly where: { readonly host: string; readonly port: number; readonly user: string; readonly database: string };
  hold(): Promise<Hold>;
  stubborn(): Promise<Stubborn>;
  sessions(): Promise<{ pid: number; state: string; query: string | null }[]>;
  sessionsLeft(count: number): Promise<void>;
  open(where: Where, options: QueryOptions): Opened;
}

export interface Subject {
  readonly name: string;
  /** The number of the session, as `pid`. */
  readonly pid: string;
  /** Takes a minute. */
  readonly sleep: string;
  start(): Promise<Database>;
}

function listenersOf(connections: Iterable<EventEmitter>): number {
  const counts = [...connections].map((one) =>
    one.eventNames().reduce((sum, name) => sum + one.listenerCount(name), 0),
  );
  return Math.max(...counts);
}

function ignore(): void {}

type Open = (
  server: { port: number; host: string; user: string; database: string; max: number },
  options: QueryOptions,
) => Opened;

const openPg: Open = (where, options) => {
  const pool = new pg.Pool(where);
  const seen = new Set<EventEmitter>();
  pool.on('error', () => {}).on('connect', (client) => seen.add(client));
  pool.on('remove', (client) => seen.delete(client));
  const db = pgPool(pool, options);
  return {
    query: async (sql) => (await db.query(sql)).rows,
    plain: async (sql) => (await pool.query(sql)).rows,
    async transaction(work) {
      const client = await db.connect();
      client.on('error', ignore);
      try {
        await client.query('begin');
        const value = await work(async (sql) => (await client.query(sql)).rows);
        await client.query('commit');
        return value;
      } catch (error) {
        await client.query('rollback').catch(() => {});
        throw error;
      } finally {
        client.off('error', ignore).release();
      }
    },
    listeners: () => listenersOf(seen),
    [Symbol.asyncDispose]: () => pool.end(),
  };
};

const openPostgres: Open = (where, options) => {
  const sql = postgres({ ...where, backoff: () => 0.01, onnotice: () => {} });
  const db = cancellableSql(sql, options);
  return {
    query: async (text) => [...(await db.unsafe(text))],
    plain: async (text) => [...(await sql.unsafe(text))],
    transaction: (work) => db.begin((tx) => work(async (text) => [...(await tx.unsafe(text))])) as Promise<never>,
    listeners: () => 0,
    [Symbol.asyncDispose]: () => sql.end(),
  };
};

const openMysql2: Open = ({ max, ...where }, options) => {
  const pool = mysql.createPool({ ...where, connectionLimit: max });
  const seen = new Set<EventEmitter>();
  pool.on('connection', (connection) => seen.add(connection));
  const db = mysqlPool(pool, options);
  return {
    query: async (sql) => (await db.query<mysql.RowDataPacket[]>(sql))[0],
    plain: async (sql) => (await pool.query<mysql.RowDataPacket[]>(sql))[0],
    async transaction(work) {
      const connection = await db.getConnection();
      try {
        await connection.beginTransaction();
        const value = await work(async (sql) => (await connection.query<mysql.RowDataPacket[]>(sql))[0]);
        await connection.commit();
        return value;
      } catch (error) {
        await connection.rollback().catch(() => {});
        throw error;
      } finally {
        connection.release();
      }
    },
    listeners: () => listenersOf(seen),
    [Symbol.asyncDispose]: () => pool.end(),
  };
};

async function onPostgres(open: Open): Promise<Database> {
  const server = await startPostgres();
  const admin = await PostgresAdmin.connect(server);
  await admin.rows('create table notes (text text)');
  return databaseOf(server, admin, open);
}

async function onMariadb(open: Open): Promise<Database> {
  const server = await startMariadb();
  const admin = await MariadbAdmin.connect(server);
  await admin.rows('create table mysql.notes (text text) engine = innodb');
  return databaseOf(server, admin, open);
}

function databaseOf(
  {
    host,
    port,
    user,
    database,
    ...server
  }: AsyncDisposable & { host: string; port: number; user: string; database: string },
  admin: PostgresAdmin | MariadbAdmin,
  open: Open,
): Database {
  return {
    port,
    where: { host, port, user, database },
    hold: () => admin.hold(),
    stubborn: () => admin.stubborn(),
    sessions: () => admin.sessions(),
    sessionsLeft: (count) => admin.sessionsLeft(count),
    open: ({ max, port: other }, options) => open({ host, port: other ?? port, user, database, max }, options),
    async [Symbol.asyncDispose]() {
      await admin[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const postgresql = { pid: 'select pg_backend_pid() as pid', sleep: 'select pg_sleep(60)' };
const mariadb = { pid: 'select connection_id() as pid', sleep: 'select sleep(60)' };

export const SUBJECTS: readonly Subject[] = [
  { name: 'pg', ...postgresql, start: () => onPostgres(openPg) },
  { name: 'postgres', ...postgresql, start: () => onPostgres(openPostgres) },
  { name: 'mysql2', ...mariadb, start: () => onMariadb(openMysql2) },
];
