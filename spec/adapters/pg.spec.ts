import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import Cursor from 'pg-cursor';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancellablePool } from '../../lib/adapters/pg.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, reasonOf, snapshot } from '../../lib/core/index.ts';
import { run } from '../../lib/task/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { PostgresAdmin } from './support/postgres-admin.ts';

let server: PostgresServer;
let admin: PostgresAdmin;
beforeAll(async () => {
  server = await startPostgres();
  admin = await PostgresAdmin.connect(server);
  await admin.client.query(`
    create function fault(id int) returns int language plpgsql as $$
      begin perform pg_advisory_xact_lock(id); return 0; exception when query_canceled then raise exception 'mine'; end $$;
    create function deaf(id int, times int) returns int language plpgsql as $$
      declare heard int := 0; begin
        loop begin perform pg_advisory_xact_lock(id); exception when query_canceled then
          heard := heard + 1; if heard >= times then return heard; end if; end; end loop; end $$;
    create table notes (text text)`);
});
afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

let pool: pg.Pool;
let source: CancellationSource;
beforeEach(() => {
  pool = poolOf({ max: 3 });
  source = new CancellationSource();
});
afterEach(async () => {
  await pool.end();
  await admin.sessionsLeft(0);
});

function poolOf(config: pg.PoolConfig): pg.Pool {
  const { folder: _, ...own } = server;
  return new pg.Pool({ ...own, ...config });
}

function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`got ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}

describe('a query under a token', () => {
  it('S3-38: is stopped on the server, and rejects with the token’s error; its client lives on', async () => {
    pool = poolOf({ max: 1 });
    const db = cancellablePool(pool, { token: source.token });
    await using hold = await admin.hold();
    const answer = thrownBy(db.query(hold.sql));
    const [pid] = await hold.waiting();
    source.cancel('PEER_CLOSED', { description: 'gone' });
    expect(await answer).toBe(source.token.error);
    // In a pool of one: the next query waits until the cancel can't reach it.
    const { rows } = await pool.query('select pg_backend_pid() as pid');
    expect([rows, pool.totalCount, pool.idleCount]).toEqual([[{ pid }], 1, 1]);
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('is not sent when it is cancelled already, and takes no client', async () => {
    const token = CancellationToken.cancelled('SHUTDOWN');
    const db = cancellablePool(pool, { token });
    expect(await thrownBy(db.query('select 1'))).toBe(token.error);
    expect(await thrownBy(db.connect())).toBe(token.error);
    expect(pool.totalCount).toBe(0);
  });

  it('goes under the current one of where it was asked for, wherever its client comes from', async () => {
    const db = cancellablePool(pool);
    const holds = [await admin.hold(), await admin.hold(), await admin.hold(), await admin.hold()];
    const sources = holds.map(() => new CancellationSource());
    const answers = holds.map(({ sql }, index) => runWithToken(sources[index]!.token, () => db.query(sql)));
    const outcomes = Promise.allSettled(answers);
    // The fourth waits for a client, which the first gives back.
    await holds[0]!.waiting();
    sources[0]!.cancel();
    await holds[3]!.waiting();
    sources[3]!.cancel('PEER_CLOSED');
    await holds[1]!.free();
    await holds[2]!.free();
    expect((await outcomes).map((one) => (one.status === 'rejected' ? reasonOf(one.reason) : 'value'))).toEqual([
      'CANCELLED',
      'value',
      'value',
      'PEER_CLOSED',
    ]);
  });

  it('ends at its deadline', async () => {
    using clock = fakeClock();
    const db = cancellablePool(pool, { token: new CancellationSource({ timeout: 500 }).token });
    await using hold = await admin.hold();
    const outcome = run(() => db.query(hold.sql));
    await hold.waiting();
    await clock.advanceAsync(500);
    expect(await outcome).toMatchObject({ kind: 'stopped', error: { reason: 'TIMEOUT' } });
  });

  it('keeps an error of its own that comes after the cancel', async () => {
    const db = cancellablePool(pool, { token: source.token });
    await using hold = await admin.hold();
    const error = thrownBy(db.query('select fault($1)', [hold.id]));
    await hold.waiting();
    source.cancel();
    expect(await error).toMatchObject({ code: 'P0001', message: 'mine' });
  });

  it('takes nobody else’s cancel for its own', async () => {
    const db = cancellablePool(pool, { token: source.token });
    await using hold = await admin.hold();
    const error = thrownBy(db.query(hold.sql));
    await admin.rows('select pg_cancel_backend($1)', await hold.waiting());
    expect(await error).toMatchObject({ code: '57014' });
  });

  it('is asked to stop until it does', async () => {
    const db = cancellablePool(pool, { token: source.token });
    await using hold = await admin.hold();
    const answer = db.query('select deaf($1, 3)', [hold.id]);
    await hold.waiting();
    source.cancel();
    expect((await answer).rows).toEqual([{ deaf: 3 }]);
  });

  it('waits for a client no longer than its token', async () => {
    pool = poolOf({ max: 1 });
    const db = cancellablePool(pool, { token: source.token });
    const client = await pool.connect();
    const answers = [thrownBy(db.query('select 1')), thrownBy(db.connect())];
    expect(pool.waitingCount).toBe(2);
    source.cancel();
    for (const answer of answers) expect(await answer).toBe(source.token.error);
    client.release();
    expect((await pool.query('select 1')).rowCount).toBe(1);
    expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([1, 1, 0]);
  });

  it('waits for its turn on a client, and is never sent when it is cancelled meanwhile', async () => {
    const db = cancellablePool(pool);
    await using hold = await admin.hold();
    const client = await db.connect();
    const first = client.query(hold.sql);
    const second = thrownBy(runWithToken(source.token, () => client.query("insert into notes values ('second')")));
    const third = client.query("insert into notes values ('third')");
    await hold.waiting();
    source.cancel();
    expect(await second).toBe(source.token.error);
    await hold.free();
    await Promise.all([first, third]);
    client.release();
    expect(await admin.rows('delete from notes returning text')).toEqual([{ text: 'third' }]);
  });

  it('may be a template, whose text is a getter of its class', async () => {
    const client = await cancellablePool(pool, { token: source.token }).connect();
    class Template {
      readonly #strings: readonly string[];
      values: unknown[];
      constructor(strings: readonly string[], values: unknown[]) {
        this.#strings = strings;
        this.values = values;
      }
      get text(): string {
        return this.#strings.reduce((text, string, index) => `${text}$${index}${string}`);
      }
    }
    const template = new Template(['select ', '::int as one'], [1]);
    const first = client.query(template);
    // As ever, it is what it was when it was handed over, also where it waits for its turn.
    const second = client.query(template);
    template.values = [2];
    expect([(await first).rows, (await second).rows]).toEqual([[{ one: 1 }], [{ one: 1 }]]);
    client.release();
  });

  it('calls back too', async () => {
    const db = cancellablePool(pool, { token: source.token });
    const called = new Promise((resolve) => {
      db.connect((_, client, release) => {
        client!.query('select 1 as one', (_, { rows }) => {
          client!.query('select $1::int as two', [2], (_, second) => {
            release();
            resolve([rows, second.rows]);
          });
        });
      });
    });
    expect(await called).toEqual([[{ one: 1 }], [{ two: 2 }]]);
    await using hold = await admin.hold();
    const failed = new Promise((resolve) => db.query(hold.sql, (error) => resolve(error)));
    await hold.waiting();
    source.cancel();
    expect(await failed).toBe(source.token.error);
    const refused = new Promise((resolve) => db.connect((error, client) => resolve([error, client])));
    expect(await refused).toEqual([source.token.error, undefined]);
  });

  it('S2-11: is ignored where that is wished, and its client comes back when it has ended', async () => {
    const db = cancellablePool(pool, { token: source.token, inflight: 'ignore query' });
    await using hold = await admin.hold();
    const answer = thrownBy(db.query(hold.sql));
    const pids = await hold.waiting();
    source.cancel();
    expect(await answer).toBe(source.token.error);
    expect(await hold.waiting()).toEqual(pids);
    expect([pool.totalCount, pool.idleCount]).toEqual([1, 0]);
    await hold.free();
    while (pool.idleCount === 0) await setImmediate();
    expect(await admin.sessions()).toMatchObject([{ pid: pids[0], state: 'idle' }]);
  });

  it('ends its session where that is wished', async () => {
    const db = cancellablePool(pool, { token: source.token, inflight: 'kill session' });
    await using hold = await admin.hold();
    const answer = thrownBy(db.query(hold.sql));
    await hold.waiting();
    source.cancel();
    expect(await answer).toBe(source.token.error);
    await admin.sessionsLeft(0);
    while (pool.totalCount > 0) await setImmediate();
  });
});

describe('a transaction', () => {
  it('rolls back under a cancelled token, and its client is as good as new', async () => {
    pool = poolOf({ max: 1 });
    const db = cancellablePool(pool, { token: source.token });
    const client = await db.connect();
    await client.query('begin');
    await client.query("insert into notes values ('cut')");
    await using hold = await admin.hold();
    const cut = thrownBy(client.query(hold.sql));
    await hold.waiting();
    source.cancel();
    expect(await cut).toBe(source.token.error);
    expect(await thrownBy(client.query('commit'))).toBe(source.token.error);
    expect((await client.query('/* as Kysely and Drizzle do */ rollback')).command).toBe('ROLLBACK');
    client.release();
    expect(await admin.rows('select * from notes')).toEqual([]);
    expect((await pool.query('select 1')).rowCount).toBe(1);
    expect(pool.totalCount).toBe(1);
  });

  it.each([
    ['in the midst of a query', true],
    ['between two', false],
  ])('that a cancel cut %s is rolled back when nobody else does', async (_, midst) => {
    pool = poolOf({ max: 1 });
    const db = cancellablePool(pool, { token: source.token });
    const client = await db.connect();
    await client.query('begin');
    await client.query("insert into notes values ('cut')");
    await using hold = await admin.hold();
    const cut = midst ? thrownBy(client.query(hold.sql)) : undefined;
    if (midst) await hold.waiting();
    source.cancel();
    const error = await (cut ?? thrownBy(client.query('select 1')));
    client.release(error as Error);
    const other = await pool.connect();
    expect(
      (await other.query('select count(*)::int as notes, pg_current_xact_id_if_assigned() as xact from notes')).rows,
    ).toEqual([{ notes: 0, xact: null }]);
    expect(pool.totalCount).toBe(1);
    other.release();
  });

  it('is not stopped once it commits', async () => {
    await admin.client.query(`
      create table slow (id int);
      create function wait() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(new.id); return new; end $$;
      create constraint trigger slow after insert on slow deferrable initially deferred for each row execute function wait()`);
    const db = cancellablePool(pool, { token: source.token });
    const client = await db.connect();
    await using hold = await admin.hold();
    await client.query('begin');
    await client.query('insert into slow values ($1)', [hold.id]);
    const commit = client.query('commit');
    await hold.waiting();
    source.cancel();
    await hold.free();
    expect((await commit).command).toBe('COMMIT');
    client.release();
    expect(await admin.rows('select count(*)::int as rows from slow')).toEqual([{ rows: 1 }]);
  });
});

describe('what is left open on a client', () => {
  it('a cursor fails with the token’s error, while it waits for rows and afterwards', async () => {
    pool = poolOf({ max: 1 });
    const db = cancellablePool(pool, { token: source.token });
    await using hold = await admin.hold();
    const client = await db.connect();
    const cursor = client.query(new Cursor(`select 1 union all (${hold.sql.replace('select', 'select 1 from')})`));
    const rows = thrownBy(cursor.read(10));
    await hold.waiting();
    source.cancel();
    expect(await rows).toBe(source.token.error);
    expect(await thrownBy(cursor.read(1))).toBe(source.token.error);
    client.release();
    expect((await pool.query('select 1')).rowCount).toBe(1);
    expect(pool.totalCount).toBe(1);
  });

  it('a cursor is read to its end, and closed', async () => {
    const db = cancellablePool(pool, { token: source.token });
    const client = await db.connect();
    const cursor = client.query(new Cursor('select generate_series(1, 5) as n'));
    expect(await cursor.read(2)).toEqual([{ n: 1 }, { n: 2 }]);
    await cursor.close();
    const second = client.query(new Cursor('select 1 as n'));
    expect(await second.read(2)).toEqual([{ n: 1 }]);
    expect(await second.read(2)).toEqual([]);
    client.release();
    expect(
      await thrownBy(
        runWithToken(CancellationToken.cancelled(), () => db.query('select 1')).then(() => Promise.reject('ran')),
      ),
    ).toBe('ran');
  });

  it('a cursor is not opened under a cancelled token', async () => {
    const db = cancellablePool(pool, { token: source.token });
    const client = await db.connect();
    source.cancel();
    expect(await thrownBy(client.query(new Cursor('select 1')).read(1))).toBe(source.token.error);
    client.release();
  });

  it('a query that the driver made is stopped too', async () => {
    const db = cancellablePool(pool, { token: source.token });
    await using hold = await admin.hold();
    const client = await db.connect();
    const failed = new Promise((resolve) => client.query(new pg.Query(hold.sql)).on('error', resolve));
    await hold.waiting();
    source.cancel();
    expect(await failed).toBe(source.token.error);
    client.release();
  });
});

describe('a client', () => {
  it('that its user says is broken is closed, as ever', async () => {
    const db = cancellablePool(pool, { token: source.token });
    (await db.connect()).release(new Error('broken'));
    (await db.connect()).release(true);
    await admin.sessionsLeft(0);
    expect(pool.totalCount).toBe(0);
  });

  it('is released once', async () => {
    const db = cancellablePool(pool, { token: source.token, inflight: 'ignore query' });
    const client = await db.connect();
    client.release();
    expect(() => client.release()).toThrow('released');
    await using hold = await admin.hold();
    const busy = await db.connect();
    const answer = thrownBy(busy.query(hold.sql));
    await hold.waiting();
    source.cancel();
    await answer;
    busy.release();
    expect(() => busy.release()).toThrow('released');
    await hold.free();
  });

  it('is the same for whoever knows it by its object, and a client of pg', async () => {
    const db = cancellablePool(pool, { token: source.token });
    const [first, second] = [await db.connect(), await db.connect()];
    expect(first).not.toBe(second);
    expect(first).toBeInstanceOf(pg.Client);
    second.release();
    expect(await db.connect()).toBe(second);
    first.release();
    second.release();
    expect(db).toBeInstanceOf(pg.Pool);
  });
});
