// What holds for every database driver under tokens, against the real server.
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, isCancellation, reasonOf, snapshot } from '../../lib/core/index.ts';
import type { Inflight, QueryOptions } from '../../lib/query/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { count, scale } from '../support/soak.ts';
import { type Database, type Opened, SUBJECTS, type Where } from './support/databases.ts';
import { Relay } from './support/relay.ts';

function thrownBy(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => expect.unreachable(`got ${JSON.stringify(value)}`),
    (error: Error) => error,
  );
}

describe.each(SUBJECTS)('$name', (subject) => {
  let database: Database;
  beforeAll(async () => {
    database = await subject.start();
  });
  afterAll(() => database[Symbol.asyncDispose]());

  let source: CancellationSource;
  let opened: Opened[];
  beforeEach(() => {
    source = new CancellationSource();
    opened = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((one) => one[Symbol.asyncDispose]()));
    await database.sessionsLeft(0);
  });

  function open(options: QueryOptions = { token: source.token }, where: Partial<Where> = {}): Opened {
    const db = database.open({ max: 1, ...where }, options);
    opened.push(db);
    return db;
  }

  /** Waits until the server runs a query. */
  async function running(sql: string): Promise<void> {
    while (!(await database.sessions()).some(({ state, query }) => state === 'active' && query === sql));
  }

  describe('a query under a token', () => {
    it('S3-38: is stopped on the server, and rejects with the token’s error; its connection lives on', async () => {
      const db = open();
      await using hold = await database.hold();
      const answer = thrownBy(db.query(hold.sql));
      const [pid] = await hold.waiting();
      source.cancel('PEER_CLOSED', { description: 'gone' });
      expect(await answer).toBe(source.token.error);
      // In a pool of one: the next query waits until the cancel can't reach it.
      expect(await db.plain(subject.pid)).toEqual([{ pid }]);
      expect(snapshot(source.token).callbacks).toBe(0);
    });

    it('is answered, and leaves nothing on its token', async () => {
      const db = open();
      expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
      expect(await thrownBy(db.query('select nonsense'))).toMatchObject({
        message: expect.stringContaining('nonsense'),
      });
      expect(snapshot(source.token).callbacks).toBe(0);
    });

    it('is not sent when it is cancelled already, and takes no connection', async () => {
      const token = CancellationToken.cancelled('SHUTDOWN');
      const db = open({ token });
      expect(await thrownBy(db.query('select 1'))).toBe(token.error);
      expect(await thrownBy(db.transaction((query) => query('select 1')))).toBe(token.error);
      expect(await database.sessions()).toEqual([]);
    });

    it('goes under the current one of where it was asked for, wherever its connection comes from', async () => {
      const db = open({}, { max: 2 });
      const holds = [await database.hold(), await database.hold(), await database.hold()];
      const sources = holds.map(() => new CancellationSource());
      const answers = holds.map(({ sql }, index) => runWithToken(sources[index]!.token, () => db.query(sql)));
      const outcomes = Promise.allSettled(answers);
      // The third waits for a connection, which the first gives back.
      await holds[0]!.waiting();
      sources[0]!.cancel();
      await holds[2]!.waiting();
      sources[2]!.cancel('PEER_CLOSED');
      await holds[1]!.free();
      const told = (await outcomes).map((one) => (one.status === 'rejected' ? reasonOf(one.reason) : 'value'));
      expect(told).toEqual(['CANCELLED', 'value', 'PEER_CLOSED']);
      for (const hold of holds) await hold.free();
    });

    it('ends at its deadline', async () => {
      using clock = fakeClock();
      const db = open({ token: new CancellationSource({ timeout: 500 }).token });
      await using hold = await database.hold();
      const answer = thrownBy(db.query(hold.sql));
      await hold.waiting();
      await clock.advanceAsync(500);
      expect(reasonOf(await answer)).toBe('TIMEOUT');
    });

    it('S2-17: keeps a value that comes after the cancel', async () => {
      const db = open();
      await using stubborn = await database.stubborn();
      const answer = db.query(stubborn.sql);
      await stubborn.waiting();
      source.cancel();
      expect(await answer).toEqual([stubborn.value]);
      expect(await db.plain('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('waits for a connection no longer than its token', async () => {
      const db = open({});
      await using hold = await database.hold();
      const first = db.query(hold.sql);
      await hold.waiting();
      const waiting = runWithToken(source.token, () => [
        thrownBy(db.query('select 1')),
        thrownBy(db.transaction((query) => query('select 1'))),
      ]);
      source.cancel();
      for (const answer of waiting) expect(await answer).toBe(source.token.error);
      await hold.free();
      await first;
      expect(await db.plain('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('S2-11: is ignored where that is wished, and its connection comes back when it has ended', async () => {
      const db = open({ token: source.token, inflight: 'ignore query' });
      await using hold = await database.hold();
      const answer = thrownBy(db.query(hold.sql));
      const pids = await hold.waiting();
      source.cancel();
      expect(await answer).toBe(source.token.error);
      const next = db.plain(subject.pid);
      expect(await hold.waiting()).toEqual(pids);
      await hold.free();
      expect(await next).toEqual([{ pid: pids[0] }]);
    });

    it('takes its session with it where that is wished', async () => {
      const db = open({ token: source.token, inflight: 'kill session' });
      await using hold = await database.hold();
      const answer = thrownBy(db.query(hold.sql));
      const [pid] = await hold.waiting();
      source.cancel();
      expect(await answer).toBe(source.token.error);
      await database.sessionsLeft(0);
      const [next] = await db.plain(subject.pid);
      expect(next!.pid).not.toBe(pid);
    });

    it('S2-04: ends with everything else that has the token', async () => {
      const db = open({ token: source.token }, { max: 3 });
      await using hold = await database.hold();
      const answers = [1, 2, 3].map(() => thrownBy(db.query(hold.sql)));
      let replaced = '';
      source.token.onCancel(({ reason }) => {
        replaced = `stopped: ${reason}`;
      });
      await hold.waiting(3);
      source.cancel('SHUTDOWN');
      expect(new Set(await Promise.all(answers))).toEqual(new Set([source.token.error]));
      expect(replaced).toBe('stopped: SHUTDOWN');
    });
  });

  describe('a transaction', () => {
    it.each<Inflight>(['cancel query', 'kill session', 'ignore query'])('is rolled back: %s', async (inflight) => {
      const db = open({ token: source.token, inflight });
      await using hold = await database.hold();
      const cut = thrownBy(
        db.transaction(async (query) => {
          await query("insert into notes values ('cut')");
          await query(hold.sql);
        }),
      );
      await hold.waiting();
      source.cancel();
      if (inflight === 'ignore query') await hold.free();
      expect(await cut).toBe(source.token.error);
      expect(await db.plain('select * from notes')).toEqual([]);
    });

    it('is not committed when its token was cancelled before', async () => {
      const db = open();
      const cut = thrownBy(
        db.transaction(async (query) => {
          await query("insert into notes values ('cut')");
          source.cancel();
        }),
      );
      expect(await cut).toBe(source.token.error);
      expect(await db.plain('select * from notes')).toEqual([]);
    });

    it('is committed when it was not', async () => {
      const db = open();
      await db.transaction((query) => query("insert into notes values ('kept')"));
      source.cancel();
      expect(await db.plain('select * from notes')).toEqual([{ text: 'kept' }]);
      await db.plain('delete from notes');
    });
  });

  describe('a server that does not stop a query', () => {
    it('costs its connection, after a while', async () => {
      using clock = fakeClock();
      await using relay = await Relay.to(database.port);
      const db = open({ token: source.token, graceMs: 700 }, { port: relay.port });
      await using hold = await database.hold();
      const answer = thrownBy(db.query(hold.sql));
      await hold.waiting();
      relay.lines[0]!.hold();
      const cancel = relay.next();
      source.cancel('PEER_CLOSED');
      await (await cancel).closed;
      await clock.advanceAsync(699);
      let told = false;
      void answer.then(() => {
        told = true;
      });
      await setImmediate();
      expect(told).toBe(false);
      await clock.advanceAsync(1);
      const error = await answer;
      expect([isCancellation(error), reasonOf(error), error.cause]).toEqual([true, 'PEER_CLOSED', source.token.error]);
      expect(error.message).toContain('700 ms');
      // The server has stopped it, and learns now that nobody is there.
      relay.lines[0]!.cut();
      expect(await db.plain('select 1 as one')).toEqual([{ one: 1 }]);
    });

    it('nor lets anybody in to ask for it: says why', async () => {
      using clock = fakeClock();
      await using relay = await Relay.to(database.port);
      const db = open({ token: source.token, graceMs: 700 }, { port: relay.port });
      await using hold = await database.hold();
      const answer = thrownBy(db.query(hold.sql));
      await hold.waiting();
      relay.welcome = 'cut';
      const cancel = relay.next();
      source.cancel();
      await (await cancel).closed;
      for (let ms = 0; ms < 700; ms += 10) await clock.advanceAsync(10);
      const error = await answer;
      expect(error).toMatchObject({ reason: 'CANCELLED', cause: expect.any(Error) });
      expect(isCancellation(error.cause)).toBe(false);
      await hold.free();
      relay.welcome = 'pass';
      expect(await db.plain('select 1 as one')).toEqual([{ one: 1 }]);
    });
  });

  describe('300 queries and transactions, answered, failed, stopped and refused', () => {
    it(
      'leave nothing behind: on the token, on the connections, on the server',
      async () => {
        const max = 2;
        const db = open({}, { max });
        const long = new CancellationSource();
        const sockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
        const one = async (kind: number): Promise<void> => {
          const own = long.token.child();
          if (kind === 0) own.cancel();
          const work =
            kind === 1 ? () => db.transaction((query) => query('select 1')) : () => db.query(QUERIES[kind] as string);
          const ended = runWithToken(own.token, work).catch(() => {});
          if (kind === 3) await running(QUERIES[3] as string);
          if (kind >= 3) own.cancel();
          await ended;
          own.close();
        };
        const QUERIES = ['select 1', '', 'select nonsense', subject.sleep, 'select 2'];
        const round = async (): Promise<unknown> => Promise.all([0, 1, 2, 3, 4].map(one));
        // Both connections at once, each taken by a query under a token: so each has come back, as no cancel can reach it any more.
        const settled = async (): Promise<void> => {
          await using hold = await database.hold();
          const both = [1, 2].map(() => runWithToken(long.token, () => db.query(hold.sql)));
          await hold.waiting(max);
          await hold.free();
          await Promise.all(both);
          // An answer comes before its connection is idle, which the pool listens to.
          await setImmediate();
        };
        for (let times = 0; times < 5; times++) await round();
        await settled();
        const [listening, connected] = [db.listeners(), sockets()];
        for (let times = 0; times < 55 * scale; times++) await round();
        await settled();
        expect(db.listeners()).toBeLessThanOrEqual(listening);
        while (sockets() > connected) await setImmediate();
        expect([snapshot(long.token).callbacks, snapshot(long.token).children]).toEqual([0, []]);
        expect((await database.sessions()).length).toBeLessThanOrEqual(max);
      },
      60_000 * scale,
    );
  });

  const completed = count(1_000, 10_000);
  it(
    `T-15: asks for no stop when a query has come to its end: ${completed} of them, each token cancelled right after`,
    async () => {
      await using relay = await Relay.to(database.port);
      const db = open({}, { port: relay.port });
      for (let times = 0; times < completed; times++) {
        const own = new CancellationSource();
        expect(await runWithToken(own.token, () => db.query('select 1 as one'))).toEqual([{ one: 1 }]);
        own.cancel();
      }
      // That of the pool: a request to stop would have come over another one.
      expect(relay.lines).toHaveLength(1);
    },
    30_000 * scale,
  );

  describe('T-16: the next query on the connection', () => {
    it('waits while the cancel of the last is on its way, and lives', async () => {
      await using relay = await Relay.to(database.port);
      const db = open({ token: source.token }, { port: relay.port });
      await using first = await database.hold();
      await using second = await database.hold();
      const answer = db.query(first.sql);
      await first.waiting();
      relay.welcome = 'hold';
      const cancel = relay.next();
      source.cancel();
      const line = await cancel;
      // It ends by itself, before its cancel has come to the server.
      await first.free();
      expect(await answer).toHaveLength(1);
      const innocent = db.plain(second.sql);
      for (let times = 0; times < 50; times++) {
        expect((await database.sessions()).filter(({ query }) => query === second.sql)).toEqual([]);
      }
      line.pass();
      await second.waiting();
      await second.free();
      expect(await innocent).toHaveLength(1);
    });
  });
});
