import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { cancellableSql } from '../../lib/adapters/postgres.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, isCancellation, snapshot } from '../../lib/core/index.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { freePort } from '../support/service.ts';
import { turning } from '../support/turning.ts';
import { PostgresAdmin } from './support/postgres-admin.ts';
import { Relay } from './support/relay.ts';

let server: PostgresServer;
let admin: PostgresAdmin;
beforeAll(async () => {
  server = await startPostgres();
  admin = await PostgresAdmin.connect(server);
  await admin.client.query('create table notes (text text)');
});
afterAll(async () => {
  await admin[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const uncaught: unknown[] = [];
const onUncaught = (error: unknown): void => void uncaught.push(error);
let notices: postgres.Notice[];
let sql: postgres.Sql;
let source: CancellationSource;
let db: postgres.Sql;
beforeEach(() => {
  process.on('uncaughtException', onUncaught);
  notices = [];
  sql = open({ max: 1 });
  source = new CancellationSource();
  db = cancellableSql(sql, { token: source.token });
});
afterEach(async () => {
  await sql.end();
  await admin.sessionsLeft(0);
  process.off('uncaughtException', onUncaught);
  expect([uncaught, notices]).toEqual([[], []]);
});

function open(options: postgres.Options<Record<string, never>>): postgres.Sql {
  const { host, port, user, database } = server;
  const onnotice = (notice: postgres.Notice): void => void notices.push(notice);
  return postgres({ host, port, user, database, backoff: () => 0.01, onnotice, ...options });
}

function thrownBy(promise: PromiseLike<unknown>): Promise<unknown> {
  return Promise.resolve(promise).then(
    (value) => expect.unreachable(`got ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}

describe('what is written with postgres.js', () => {
  it('is what it was: fragments, lists, parameters, results', async () => {
    const columns = ['text'];
    const where = db`where text in ${db(['a', 'b'])} ${db`and true`}`;
    await db`insert into notes ${db([{ text: 'a' }, { text: 'b' }, { text: 'c' }])}`;
    const found = await db`select ${db(columns)} from notes ${where} order by 1`;
    expect([...found]).toEqual([{ text: 'a' }, { text: 'b' }]);
    expect([found.count, found.command, found.columns.map(({ name }) => name)]).toEqual([2, 'SELECT', ['text']]);
    expect([...(await db`select ${1}::int as one`.values())]).toEqual([[1]]);
    expect([...(await db.unsafe('select $1::int as one', [1]))]).toEqual([{ one: 1 }]);
    expect((await db`select ${1}::int as one`.describe()).columns).toMatchObject([{ name: 'one' }]);
    expect(await db`select ${db.json({ a: 1 })} as json`).toMatchObject([{ json: { a: 1 } }]);
    await db`delete from notes`;
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('is stopped in the midst of a cursor, and of forEach', async () => {
    await using hold = await admin.hold();
    const [, lock] = hold.sql.split('select ');
    const rows: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const [row] of db.unsafe(`select 1 as n union all select length(${lock}::text)`).cursor(1))
        rows.push(row);
    };
    const cut = thrownBy(read());
    await hold.waiting();
    source.cancel();
    expect(await cut).toBe(source.token.error);
    expect(rows).toEqual([{ n: 1 }]);
    source = new CancellationSource();
    db = cancellableSql(sql, { token: source.token });
    const rowByRow = db.unsafe(hold.sql);
    // biome-ignore lint/complexity/noForEach: a method of the driver's, not of an array.
    const each = thrownBy(rowByRow.forEach(() => {}));
    await hold.waiting();
    source.cancel();
    expect(await each).toBe(source.token.error);
  });

  it('reads a cursor to its end, or leaves it', async () => {
    const seen: unknown[] = [];
    for await (const rows of db`select generate_series(1, 5)::int as n`.cursor(2)) seen.push(rows.length);
    for await (const [row] of db`select generate_series(1, 5)::int as n`.cursor()) {
      seen.push(row!.n);
      break;
    }
    expect(seen).toEqual([2, 2, 1, 1]);
    expect(await db`select 1 as one`).toHaveLength(1);
  });

  it('reads a query from a file, under the token too', async () => {
    const path = join(server.folder, 'query.sql');
    await using hold = await admin.hold();
    writeFileSync(path, hold.sql);
    const cut = thrownBy(db.file(path));
    await hold.waiting();
    source.cancel();
    expect(await cut).toBe(source.token.error);
    const live = cancellableSql(sql, { token: new CancellationSource().token });
    expect(await thrownBy(live.file(`${path}.no`))).toMatchObject({ code: 'ENOENT' });
  });

  it('copies, and is refused when it is cancelled already', async () => {
    const readable = await db`copy (select generate_series(1, 3)) to stdout`.readable();
    const chunks: Buffer[] = [];
    for await (const chunk of readable) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe('1\n2\n3\n');
    source.cancel();
    expect(await thrownBy(db`copy (select 1) to stdout`.readable().then((stream) => stream))).toBeDefined();
  });

  it('fails for its own reasons, the client’s too', async () => {
    expect(await thrownBy(db`select ${undefined as never}`)).toMatchObject({ code: 'UNDEFINED_VALUE' });
    expect(await thrownBy(db`select nonsense`)).toMatchObject({ code: '42703' });
    expect(await db`select 1 as one`).toEqual([{ one: 1 }]);
  });

  it('goes under the token of where it is written, not of where it is awaited', async () => {
    const view = cancellableSql(sql);
    await using hold = await admin.hold();
    const cut = thrownBy(runWithToken(source.token, () => view.unsafe(hold.sql)));
    await hold.waiting();
    source.cancel();
    expect(await cut).toBe(source.token.error);
  });
});

describe('queries that share a connection', () => {
  it('do not share it with one that can be cancelled', async () => {
    await using hold = await admin.hold();
    const cut = thrownBy(db.unsafe(hold.sql));
    await hold.waiting();
    const innocents = Array.from({ length: 20 }, (_, n) => sql`select ${n}::int as n`);
    source.cancel();
    expect(await cut).toBe(source.token.error);
    expect((await Promise.all(innocents)).map(([row]) => row!.n)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  });

  it('get it back from who was cancelled while its token was looked at', async () => {
    const view = cancellableSql(sql, { token: turning(source) });
    expect(await thrownBy(view`select 1`)).toBe(source.token.error);
    expect(await sql`select 1 as one`).toEqual([{ one: 1 }]);
  });

  it('go on sharing it under a token that nothing can cancel', async () => {
    const view = cancellableSql(sql, { token: CancellationToken.none });
    await using hold = await admin.hold();
    const first = view.unsafe(hold.sql).execute();
    await hold.waiting();
    const second = view`select 2 as two`.execute();
    await hold.free();
    expect([(await first).length, await second]).toEqual([1, [{ two: 2 }]]);
  });
});

describe('a transaction', () => {
  it('has its savepoints, and its queries in a list', async () => {
    const values = await db.begin('read write', async (tx) => {
      await tx`insert into notes values ('kept')`;
      await tx
        .savepoint(async (inner) => {
          await inner`insert into notes values ('undone')`;
          throw new Error('undo');
        })
        .catch(() => {});
      return await tx.savepoint('named', async (inner) => [...(await inner`select text from notes`)]);
    });
    expect(values).toEqual([{ text: 'kept' }]);
    const [one, two] = await db.begin((tx) => [tx`select 1 as n`, tx`delete from notes returning text as n`]);
    expect([[...one], [...two]]).toEqual([[{ n: 1 }], [{ n: 'kept' }]]);
  });

  it('is rolled back though its function goes on as if nothing had happened', async () => {
    await using hold = await admin.hold();
    const cut = thrownBy(
      db.begin(async (tx) => {
        await tx`insert into notes values ('cut')`;
        await tx.unsafe(hold.sql).catch(() => {});
        return 'done';
      }),
    );
    await hold.waiting();
    source.cancel();
    expect(await cut).toBe(source.token.error);
    expect(await sql`select * from notes`).toEqual([]);
  });

  it('leaves nothing on its token where no connection can be opened', async () => {
    const nowhere = open({ max: 1, port: await freePort() });
    const begun = cancellableSql(nowhere, { token: source.token }).begin(async () => {});
    expect(await thrownBy(begun)).toMatchObject({ code: 'ECONNREFUSED' });
    expect(snapshot(source.token).callbacks).toBe(0);
    await nowhere.end();
  });

  it('fails of what it has failed of', async () => {
    expect(await thrownBy(db.begin((tx) => tx`select nonsense`))).toMatchObject({ code: '42703' });
    expect(await thrownBy(db.begin(() => Promise.reject(new Error('mine'))))).toMatchObject({ message: 'mine' });
    const swallowed = db.begin(async (tx) => {
      await tx`select nonsense`.catch(() => {});
      await tx`select 1`;
    });
    expect(await thrownBy(swallowed)).toMatchObject({ code: '42703' });
  });
});

describe('a reserved connection', () => {
  it('goes under the token, and comes back', async () => {
    const reserved = await db.reserve();
    const [row] = await reserved`select pg_backend_pid() as pid`;
    await using hold = await admin.hold();
    const cut = thrownBy(reserved.unsafe(hold.sql));
    expect(await hold.waiting()).toEqual([row!.pid]);
    source.cancel();
    expect(await cut).toBe(source.token.error);
    reserved.release();
    expect(await sql`select pg_backend_pid() as pid`).toEqual([row]);
    expect(await thrownBy(db.reserve())).toBe(source.token.error);
  });

  it.each([true, false])(
    'is rolled back when a cancel has cut a transaction on it, without a word: %s',
    async (begun) => {
      const reserved = await db.reserve();
      if (begun) await reserved`begin`;
      if (begun) await reserved`insert into notes values ('cut')`;
      source.cancel();
      expect(await thrownBy(reserved`select 1`)).toBe(source.token.error);
      reserved.release();
      reserved.release();
      const other = await sql.reserve();
      expect([
        ...(await other`select count(*)::int as notes, pg_current_xact_id_if_assigned() as xact from notes`),
      ]).toEqual([{ notes: 0, xact: null }]);
      other.release();
    },
  );
});

describe('a connection that is lost', () => {
  it.each(['with a query of ours under way', 'in a transaction', 'while it is reserved'])(
    '%s takes nobody with it',
    async (where) => {
      await using relay = await Relay.to(server.port);
      const lost = open({ max: 1, port: relay.port });
      const view = cancellableSql(lost, { token: source.token });
      await using hold = await admin.hold();
      const reserved = where === 'while it is reserved' ? await view.reserve() : undefined;
      if (reserved) await reserved`select 1`;
      const answer =
        where === 'in a transaction' ? view.begin((tx) => tx.unsafe(hold.sql)) : (reserved ?? view).unsafe(hold.sql);
      const failed = thrownBy(answer);
      await hold.waiting();
      relay.lines[0]!.cut();
      expect(await failed).toMatchObject({ code: expect.stringMatching(/CONNECTION|ECONNRESET/) });
      reserved?.release();
      expect(await view`select 1 as one`).toEqual([{ one: 1 }]);
      await lost.end();
    },
  );

  it('before the driver has shown it takes nobody with it, whether or not its query was given up', async () => {
    for (const graceMs of [1, 60_000]) {
      await using relay = await Relay.to(server.port);
      const lost = open({ max: 1, port: relay.port });
      const own = new CancellationSource();
      const view = cancellableSql(lost, { token: own.token, graceMs });
      await using hold = await admin.hold();
      // A query with parameters, as the first of its connection, is shown none.
      const failed = thrownBy(view`select pg_advisory_xact_lock(${hold.id})`);
      await hold.waiting();
      relay.welcome = 'cut';
      const asked = relay.next();
      own.cancel();
      await asked;
      if (graceMs === 1) expect(isCancellation(await failed)).toBe(true);
      relay.lines[0]!.cut();
      expect(isCancellation(await failed)).toBe(graceMs === 1);
      relay.welcome = 'pass';
      expect(await lost`select 1 as one`).toEqual([{ one: 1 }]);
      await lost.end();
    }
  });

  it('before the driver has shown it, as its query was given up, is closed when that ends', async () => {
    await using relay = await Relay.to(server.port);
    const lost = open({ max: 1, port: relay.port });
    const view = cancellableSql(lost, { token: source.token, graceMs: 1 });
    await using hold = await admin.hold();
    const failed = thrownBy(view`select pg_advisory_xact_lock(${hold.id})`);
    await hold.waiting();
    relay.welcome = 'cut';
    source.cancel();
    expect(isCancellation(await failed)).toBe(true);
    await hold.free();
    await relay.lines[0]!.closed;
    relay.welcome = 'pass';
    expect(await lost`select 1 as one`).toEqual([{ one: 1 }]);
    await lost.end();
  });

  it('between a cancel and its acknowledgement takes nobody with it', async () => {
    await using relay = await Relay.to(server.port);
    const lost = open({ max: 1, port: relay.port });
    const view = cancellableSql(lost, { token: source.token });
    await using hold = await admin.hold();
    const answer = view.unsafe(hold.sql).execute();
    await hold.waiting();
    relay.welcome = 'hold';
    const cancel = relay.next();
    source.cancel();
    const line = await cancel;
    await hold.free();
    await answer;
    relay.lines[0]!.cut();
    await relay.lines[0]!.closed;
    await setImmediate();
    relay.welcome = 'pass';
    line.pass();
    expect(await lost`select 1 as one`).toEqual([{ one: 1 }]);
    await lost.end();
  });
});

describe('a pool that ends', () => {
  it('does so after a cancel that is on its way, and after who waits', async () => {
    await using relay = await Relay.to(server.port);
    const own = open({ max: 1, port: relay.port });
    const view = cancellableSql(own, { token: source.token });
    await using hold = await admin.hold();
    const first = view.unsafe(hold.sql).execute();
    const second = cancellableSql(own, { token: new CancellationSource().token })`select 2 as two`.execute();
    await hold.waiting();
    relay.welcome = 'hold';
    const cancel = relay.next();
    source.cancel();
    const line = await cancel;
    await hold.free();
    const ended = own.end();
    expect(await first).toHaveLength(1);
    line.pass();
    expect(await second).toEqual([{ two: 2 }]);
    await ended;
  });

  it('does so in time, whoever has not given back what is reserved', async () => {
    const own = open({ max: 1 });
    await cancellableSql(own, { token: source.token }).reserve();
    await own.end({ timeout: 0 });
  });

  it('says so, as ever', async () => {
    await sql.end();
    await sql.end();
    expect(await thrownBy(db`select 1`)).toMatchObject({ code: 'CONNECTION_ENDED' });
    expect(await thrownBy(cancellableSql(sql, { token: source.token })`select 1`)).toMatchObject({
      code: 'CONNECTION_ENDED',
    });
  });
});
