import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import mysql from 'mysql2';
import mysqlPromise from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancellablePool } from '../../lib/adapters/mysql2.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, isCancellation, snapshot } from '../../lib/core/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb-server.ts';
import { MariadbAdmin } from './support/mariadb-admin.ts';

let server: MariadbServer;
let admin: MariadbAdmin;
beforeAll(async () => {
  server = await startMariadb();
  admin = await MariadbAdmin.connect(server);
  await admin.rows('create table mysql.notes (text text) engine = innodb');
});
afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

let pool: mysql.Pool;
let source: CancellationSource;
let db: mysql.Pool;
beforeEach(() => {
  const { host, port, user, database } = server;
  pool = mysql.createPool({ host, port, user, database, connectionLimit: 1 });
  source = new CancellationSource();
  db = cancellablePool(pool, { token: source.token });
});
afterEach(async () => {
  await pool.promise().end();
  await admin.sessionsLeft(0);
});

function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`got ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}

/** What a method with a callback calls it with. */
function called(begin: (callback: (error: unknown, ...rest: unknown[]) => void) => unknown): Promise<unknown[]> {
  return new Promise((resolve) => begin((...end) => resolve(end)));
}

/** Looks on at the sockets that this process opens from here on. */
function watchSockets(): Disposable & { closed(count: number): Promise<void> } {
  const opened: Socket[] = [];
  const see = (message: unknown) => void opened.push((message as { socket: Socket }).socket);
  subscribe('net.client.socket', see);
  return {
    /** Waits until there have been so many, and all of them have closed. */
    async closed(count) {
      while (opened.length < count || !opened.every(({ closed }) => closed)) await setImmediate();
    },
    [Symbol.dispose]: () => void unsubscribe('net.client.socket', see),
  };
}

function connectionOf(from: mysql.Pool): Promise<mysql.PoolConnection> {
  return new Promise((resolve, reject) => {
    from.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
  });
}

describe('callbacks', () => {
  it('are called with what they were called with', async () => {
    expect(await called((done) => db.query('select ? as n', [1], done))).toMatchObject([
      null,
      [{ n: 1 }],
      [{ name: 'n' }],
    ]);
    expect(await called((done) => db.query({ sql: 'select 2 as n', rowsAsArray: true }, done))).toMatchObject([
      null,
      [[2]],
      {},
    ]);
    expect(await called((done) => db.execute('select ? as n', [3], done))).toMatchObject([
      null,
      [{ n: 3 }],
      [{ name: 'n' }],
    ]);
    expect(await called((done) => db.execute('select 4 as n', done))).toMatchObject([
      null,
      [{ n: 4 }],
      [{ name: 'n' }],
    ]);
    expect((await called((done) => db.query('select nonsense', done)))[0]).toMatchObject({ errno: 1054 });
    expect((await called((done) => db.execute('select nonsense', done)))[0]).toMatchObject({ errno: 1054 });
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it.each(['query', 'execute'] as const)('hear of a cancel once: %s', async (method) => {
    await using hold = await admin.hold();
    const calls: unknown[][] = [];
    const first = called((done) =>
      db[method](hold.sql, (...end: unknown[]) => {
        calls.push(end);
        done(...(end as [unknown]));
      }),
    );
    await hold.waiting();
    source.cancel();
    expect((await first)[0]).toBe(source.token.error);
    expect(await called((done) => pool.query('select 1 as one', done))).toMatchObject([null, [{ one: 1 }], {}]);
    expect((await called((done) => db[method]('select 1', done)))[0]).toBe(source.token.error);
    expect(calls).toHaveLength(1);
  });

  it('are refused with a connection too, whose transaction is rolled back by its own methods', async () => {
    const connection = await connectionOf(db);
    await called((done) => connection.beginTransaction(done));
    await called((done) => connection.query("insert into notes values ('cut')", done));
    source.cancel();
    expect(await called((done) => connection.execute('select 1', done))).toEqual([source.token.error]);
    expect(await called((done) => connection.commit(done))).toEqual([source.token.error]);
    expect((await called((done) => connection.rollback(done)))[0]).toBeNull();
    connection.release();
    connection.release();
    expect(await called((done) => pool.query('select * from notes', done))).toMatchObject([null, [], {}]);
  });
});

describe('events and streams', () => {
  it('tell rows, errors and ends as ever', async () => {
    const connection = await connectionOf(db);
    const rows: unknown[] = [];
    const query = connection.query('select 1 as n union all select 2').on('result', (row) => rows.push(row));
    await once(query, 'end');
    expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
    const [error] = await once(connection.query('select nonsense'), 'error');
    expect(error).toMatchObject({ errno: 1054 });
    connection.release();
  });

  it('are told of a cancel, in the midst and before', async () => {
    const connection = await connectionOf(db);
    await using hold = await admin.hold();
    const stream = connection.query(hold.sql).stream();
    const behind = once(connection.query('select 2'), 'error');
    const failed = once(stream.resume(), 'error');
    await hold.waiting();
    source.cancel();
    expect(await failed).toEqual([source.token.error]);
    expect(await behind).toEqual([source.token.error]);
    const told: unknown[] = [];
    const refused = connection.execute('select 1').on('error', (error) => told.push(error));
    await new Promise((resolve) => refused.on('end', resolve));
    expect(told).toEqual([source.token.error]);
    connection.release();
  });

  it('come from the pool as well', async () => {
    const rows: unknown[] = [];
    for await (const row of db.query('select 1 as n union all select 2').stream()) rows.push(row);
    expect(rows).toEqual([{ n: 1 }, { n: 2 }]);
  });
});

describe('promises', () => {
  it.each([
    [
      'of mysql2/promise',
      () => mysqlPromise.createPool({ ...pick(), connectionLimit: 1 }),
      (own: mysqlPromise.Pool) => own.end(),
    ],
    ['of pool.promise()', () => pool.promise(), () => undefined],
  ])('%s go under the token', async (_, make, end) => {
    const own = make();
    const view = cancellablePool(own, { token: source.token });
    expect((await view.query('select 1 as one'))[0]).toEqual([{ one: 1 }]);
    const connection = await view.getConnection();
    await using hold = await admin.hold();
    const cut = thrownBy(connection.execute(hold.sql));
    await hold.waiting();
    source.cancel();
    expect(await cut).toBe(source.token.error);
    view.releaseConnection(connection);
    expect(await thrownBy(view.execute('select 1'))).toBe(source.token.error);
    expect((await own.query('select 1 as one'))[0]).toEqual([{ one: 1 }]);
    await end(own);
  });

  function pick() {
    const { host, port, user, database } = server;
    return { host, port, user, database };
  }
});

describe('the connection beside the pool', () => {
  it('is one for all cancels of a moment, and gone after them', async () => {
    const { host, port, user, database } = server;
    const wide = mysql.createPool({ host, port, user, database, connectionLimit: 10 });
    const before = (await admin.rows<{ Value: string }>("show status like 'Connections'"))[0]!;
    // At one moment: a query that takes longer to end would be asked again, maybe over another connection.
    using _ = fakeClock();
    const view = cancellablePool(wide.promise(), { token: source.token });
    await using hold = await admin.hold();
    const cut = Array.from({ length: 10 }, () => thrownBy(view.query(hold.sql)));
    await hold.waiting(10);
    source.cancel();
    for (const one of cut) expect(await one).toBe(source.token.error);
    await wide.promise().end();
    await admin.sessionsLeft(0);
    const after = (await admin.rows<{ Value: string }>("show status like 'Connections'"))[0]!;
    // Ten of the pool, the one that holds, and one that killed.
    expect(Number(after.Value) - Number(before.Value)).toBe(12);
  });

  it('that the server has no room for: the query is given up after graceMs, and why is told', async () => {
    await admin.rows("create user if not exists 'narrow'@'%' with max_user_connections 1");
    await admin.rows("grant all on mysql.* to 'narrow'@'%'");
    const { host, port, database } = server;
    const narrow = mysql.createPool({ host, port, database, user: 'narrow', connectionLimit: 1 });
    using clock = fakeClock();
    const view = cancellablePool(narrow.promise(), { token: source.token, graceMs: 300 });
    await using hold = await admin.hold();
    const cut = thrownBy(view.query(hold.sql));
    await hold.waiting();
    using killers = watchSockets();
    source.cancel();
    await killers.closed(1);
    await clock.advanceAsync(300);
    const error = (await cut) as Error;
    expect([isCancellation(error), error.cause]).toMatchObject([true, { code: 'ER_USER_LIMIT_REACHED' }]);
    await hold.free();
    // The next one was on its way, and would take the only place.
    await killers.closed(2);
    await admin.sessionsLeft(0);
    expect((await narrow.promise().query('select 1 as one'))[0]).toEqual([{ one: 1 }]);
    await narrow.promise().end();
  });

  it('comes too late for a session that is gone: that is no failure', async () => {
    await using hold = await admin.hold();
    const gone = new Promise((resolve) => {
      pool.once('connection', (connection: { stream: Socket }) => connection.stream.once('close', resolve));
    });
    const cut = thrownBy(db.promise().query(hold.sql));
    const [pid] = await hold.waiting();
    const killed = admin.rows(`kill ${pid}`);
    source.cancel();
    expect(await cut).toSatisfy(
      (error: Error & { fatal?: boolean }) => error === source.token.error || error.fatal === true,
    );
    await Promise.all([killed, gone]);
    expect(await called((done) => pool.query('select 1 as one', done))).toMatchObject([null, [{ one: 1 }], {}]);
  });
});

it('goes under the token of where it was asked for, with callbacks too', async () => {
  const view = cancellablePool(pool);
  await using hold = await admin.hold();
  const first = called((done) => runWithToken(source.token, () => view.query(hold.sql, done)));
  await hold.waiting();
  const other = new CancellationSource();
  await using second = await admin.hold();
  const behind = called((done) => runWithToken(other.token, () => view.query(second.sql, done)));
  source.cancel();
  expect((await first)[0]).toBe(source.token.error);
  await second.waiting();
  other.cancel('TIMEOUT');
  expect((await behind)[0]).toBe(other.token.error);
});
