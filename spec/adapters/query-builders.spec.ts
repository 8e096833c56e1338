// Kysely and Drizzle over a pool under tokens, as their own pages show them: they take no token, and need none.
import { drizzle as drizzleMysql2 } from 'drizzle-orm/mysql2';
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres';
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js';
import { sql as drizzleSql } from 'drizzle-orm/sql';
import { Kysely, sql as kyselySql, MysqlDialect, PostgresDialect } from 'kysely';
import { PostgresJSDialect } from 'kysely-postgres-js';
import mysql from 'mysql2';
import pg from 'pg';
import Cursor from 'pg-cursor';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancellablePool as mysqlPool } from '../../lib/adapters/mysql2.ts';
import { cancellablePool as pgPool } from '../../lib/adapters/pg.ts';
import { cancellableSql } from '../../lib/adapters/postgres.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, reasonOf } from '../../lib/core/index.ts';
import { run } from '../../lib/task/index.ts';
import { startMariadb } from '../support/mariadb-server.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { MariadbAdmin } from './support/mariadb-admin.ts';
import { PostgresAdmin } from './support/postgres-admin.ts';

interface Where {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** A query builder over a pool of one, with a table `notes (text)`. */
interface Builder extends AsyncDisposable {
  insert(text: string): Promise<unknown>;
  texts(): Promise<unknown[]>;
  raw(text: string): Promise<unknown>;
  /** Inserts, and then runs. */
  transaction(text: string, then: string): Promise<unknown>;
  /** Reads rows one by one, where the builder does that. */
  stream?(): AsyncIterable<unknown>;
}

interface Notes {
  notes: { text: string };
}

function kysely(db: Kysely<Notes>): Builder {
  return {
    insert: (text) => db.insertInto('notes').values({ text }).execute(),
    texts: async () => (await db.selectFrom('notes').select('text').execute()).map(({ text }) => text),
    raw: (text) => kyselySql.raw(text).execute(db),
    transaction: (text, then) =>
      db.transaction().execute(async (tx) => {
        await tx.insertInto('notes').values({ text }).execute();
        await kyselySql.raw(then).execute(tx);
      }),
    stream: () => db.selectFrom('notes').select('text').stream(1),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}

type Executes = { execute(query: ReturnType<typeof drizzleSql.raw>): PromiseLike<unknown> };

function drizzle(
  db: Executes & { transaction(work: (tx: Executes) => Promise<unknown>): Promise<unknown> },
  rowsOf: (result: unknown) => { text: string }[],
  end: () => Promise<unknown>,
): Builder {
  return {
    insert: async (text) => db.execute(drizzleSql`insert into notes values (${text})`),
    texts: async () => rowsOf(await db.execute(drizzleSql.raw('select text from notes'))).map(({ text }) => text),
    raw: async (text) => db.execute(drizzleSql.raw(text)),
    transaction: (text, then) =>
      db.transaction(async (tx) => {
        await tx.execute(drizzleSql`insert into notes values (${text})`);
        await tx.execute(drizzleSql.raw(then));
      }),
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

const onPg = (where: Where) => pgPool(new pg.Pool({ ...where, max: 1 }));
const onPostgres = (where: Where) => cancellableSql(postgres({ ...where, max: 1 }));
const onMysql2 = (where: Where) => mysqlPool(mysql.createPool({ ...where, connectionLimit: 1 }));
const rows = <T>(result: unknown): T => (result as { rows: T }).rows;

const BUILDERS: [name: string, server: 'PostgreSQL' | 'MariaDB', open: (where: Where) => Builder][] = [
  [
    'Kysely over pg',
    'PostgreSQL',
    (where) => kysely(new Kysely({ dialect: new PostgresDialect({ pool: onPg(where), cursor: Cursor }) })),
  ],
  [
    'Kysely over postgres',
    'PostgreSQL',
    (where) => kysely(new Kysely({ dialect: new PostgresJSDialect({ postgres: onPostgres(where) }) })),
  ],
  [
    'Kysely over mysql2',
    'MariaDB',
    (where) => kysely(new Kysely({ dialect: new MysqlDialect({ pool: onMysql2(where) }) })),
  ],
  [
    'Drizzle over pg',
    'PostgreSQL',
    (where) => {
      const pool = onPg(where);
      return drizzle(drizzlePg({ client: pool }), rows, () => pool.end());
    },
  ],
  [
    'Drizzle over postgres',
    'PostgreSQL',
    (where) => {
      const client = onPostgres(where);
      return drizzle(
        drizzlePostgres({ client }) as never,
        (result) => result as { text: string }[],
        () => client.end(),
      );
    },
  ],
  [
    'Drizzle over mysql2',
    'MariaDB',
    (where) => {
      const pool = onMysql2(where);
      return drizzle(
        drizzleMysql2({ client: pool }) as never,
        (result) => (result as [{ text: string }[]])[0],
        () => pool.promise().end(),
      );
    },
  ],
];

const servers = {
  PostgreSQL: async () => {
    const server = await startPostgres();
    const admin = await PostgresAdmin.connect(server);
    return { server, admin };
  },
  MariaDB: async () => {
    const server = await startMariadb();
    const admin = await MariadbAdmin.connect(server);
    return { server, admin };
  },
};

describe.each(['PostgreSQL', 'MariaDB'] as const)('%s', (kind) => {
  let started: Awaited<ReturnType<(typeof servers)[typeof kind]>>;
  beforeAll(async () => {
    started = await servers[kind]();
    await started.admin.rows(
      kind === 'MariaDB' ? 'create table mysql.notes (text text)' : 'create table notes (text text)',
    );
  });
  afterAll(async () => {
    await started.admin[Symbol.asyncDispose]();
    await started.server[Symbol.asyncDispose]();
  });

  describe.each(BUILDERS.filter(([, server]) => server === kind))('%s', (_name, _server, open) => {
    let builder: Builder;
    let source: CancellationSource;
    beforeEach(() => {
      const { host, port, user, database } = started.server;
      builder = open({ host, port, user, database });
      source = new CancellationSource();
    });
    afterEach(async () => {
      await builder.raw('delete from notes');
      await builder[Symbol.asyncDispose]();
      await started.admin.sessionsLeft(0);
    });

    const under = <T>(work: () => Promise<T>) => run(() => runWithToken(source.token, work), { token: source.token });

    it('stops a query with the current token', async () => {
      await using hold = await started.admin.hold();
      const outcome = under(() => builder.raw(hold.sql));
      await hold.waiting();
      source.cancel('PEER_CLOSED');
      expect(await outcome).toMatchObject({ kind: 'stopped', error: { reason: 'PEER_CLOSED' } });
    });

    it('sends none under a cancelled one', async () => {
      source.cancel('SHUTDOWN');
      const error = await runWithToken(source.token, () => builder.insert('never')).catch((error: unknown) => error);
      expect(reasonOf(error)).toBe('SHUTDOWN');
      expect(await builder.texts()).toEqual([]);
    });

    it('rolls its transaction back', async () => {
      await using hold = await started.admin.hold();
      const outcome = under(() => builder.transaction('cut', hold.sql));
      await hold.waiting();
      source.cancel();
      expect((await outcome).kind).toBe('stopped');
      expect(await builder.texts()).toEqual([]);
    });

    it('does all the rest as ever', async () => {
      await runWithToken(source.token, async () => {
        await builder.insert('one');
        await builder.transaction('two', "insert into notes values ('three')");
        expect(await builder.texts()).toEqual(['one', 'two', 'three']);
        const read: unknown[] = [];
        for await (const row of builder.stream?.() ?? []) read.push(row);
        expect(read).toHaveLength(builder.stream ? 3 : 0);
      });
    });
  });
});
