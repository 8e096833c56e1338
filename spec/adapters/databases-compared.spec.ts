// What becomes of a query that is cancelled, and of the next one on its connection, measured: docs/databases-compared.md is what
// this file finds. After a change: npx vitest run spec/adapters/databases-compared.spec.ts -u
import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import figures from '../../bench/results/databases.json' with { type: 'json' };
import { compared, type Verdict } from './support/compared-page.ts';
import { type Database, SUBJECTS } from './support/databases.ts';
import { Relay } from './support/relay.ts';
import { RIVALS, type Rig, type Rival } from './support/rivals.ts';

vi.setConfig({ testTimeout: 120_000 });

type Server = Rival['server'];

let databases: Record<Server, Database>;
const [pg, , mysql2] = SUBJECTS;
beforeAll(async () => {
  const [PostgreSQL, MariaDB] = await Promise.all([pg!.start(), mysql2!.start()]);
  databases = { PostgreSQL, MariaDB };
  // Kysely says there that a query had ended before it could be cancelled.
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterAll(async () => {
  vi.restoreAllMocks();
  for (const database of Object.values(databases)) await database[Symbol.asyncDispose]();
});

interface Stage {
  readonly rig: Rig;
  readonly relay: Relay;
  readonly database: Database;
}

/** So often one looks before one believes that something won't happen; each look is a round trip to the server. */
const LOOKS = 500;

async function happens(stage: Stage, done: (running: readonly (string | null)[]) => boolean): Promise<boolean> {
  for (let looks = 0; looks < LOOKS; looks++) {
    const sessions = await stage.database.sessions();
    if (done(sessions.filter(({ state }) => state === 'active').map(({ query }) => query))) return true;
  }
  return false;
}

/** Whether a promise has settled, to be asked any time. */
function watched(promise: Promise<unknown>): () => boolean {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  return () => settled;
}

/** Holds up all but the connection of the pool, and what is made anew; resolves when a cancel has come and waits there. */
function holdCancels(relay: Relay): { come(cancel: () => void): Promise<void>; arrive(): Promise<void> } {
  const there = relay.lines.slice(1);
  for (const line of there) line.hold();
  relay.welcome = 'hold';
  const made = relay.next();
  return {
    async come(cancel) {
      cancel();
      if (there.length === 0) await made;
    },
    async arrive() {
      relay.welcome = 'pass';
      const [line] = there;
      const arrived = line === undefined ? (await made).closed : line.answered();
      (line ?? (await made)).pass();
      await arrived;
    },
  };
}

const SCENES: readonly { readonly name: string; play(stage: Stage): Promise<Verdict> }[] = [
  {
    name: 'comes while the query runs',
    async play(stage) {
      await using hold = await stage.database.hold();
      const { ending, cancel } = stage.rig.start(hold.sql);
      await hold.waiting();
      cancel();
      await ending;
      return (await happens(stage, (running) => !running.includes(hold.sql))) ? 'right' : 'missed';
    },
  },
  {
    name: 'comes late: the query has ended, and the next one runs',
    async play(stage) {
      await using first = await stage.database.hold();
      await using second = await stage.database.hold();
      const { ending, cancel } = stage.rig.start(first.sql);
      await first.waiting();
      const cancels = holdCancels(stage.relay);
      await cancels.come(cancel);
      await first.free();
      await ending;
      const next = stage.rig.next(second.sql);
      const ended = watched(next);
      await happens(stage, (running) => running.includes(second.sql));
      await cancels.arrive();
      await happens(stage, (running) => ended() || running.includes(second.sql));
      await second.free();
      return (await next) === 'value' ? 'right' : 'killed';
    },
  },
  {
    name: 'comes early: the query is still on its way',
    async play(stage) {
      await using hold = await stage.database.hold();
      const { relay } = stage;
      relay.lines[0]!.hold();
      const { ending, cancel } = stage.rig.start(hold.sql);
      for (let turns = 0; turns < 3; turns++) await setImmediate();
      const [, control] = relay.lines;
      const arrived = control === undefined ? relay.next().then(({ closed }) => closed) : control.answered();
      cancel();
      await arrived;
      relay.lines[0]!.pass();
      await happens(stage, (running) => running.includes(hold.sql));
      const stopped = await happens(stage, (running) => !running.includes(hold.sql));
      await hold.free();
      await ending;
      return stopped ? 'right' : 'missed';
    },
  },
  {
    name: 'comes before the query was sent, and another one follows',
    async play(stage) {
      const { ending, cancel } = stage.rig.start('select 1 as one');
      cancel();
      await ending;
      const next = watched(stage.rig.next('select 2 as two'));
      return (await happens(stage, next)) ? 'right' : 'hangs';
    },
  },
  {
    name: 'comes, and the server brings a value all the same',
    async play(stage) {
      await using stubborn = await stage.database.stubborn();
      const { ending, cancel } = stage.rig.start(stubborn.sql);
      await stubborn.waiting();
      cancel();
      return (await ending) === 'value' ? 'right' : 'lost';
    },
  },
];

async function measure(rival: Rival, play: (typeof SCENES)[number]['play']): Promise<Verdict> {
  const database = databases[rival.server];
  const relay = await Relay.to(database.port);
  const rig = await rival.open({ ...database.where, port: relay.port });
  try {
    return await play({ rig, relay, database });
  } finally {
    await rig[Symbol.asyncDispose]();
    await relay[Symbol.asyncDispose]();
    await database.sessionsLeft(0);
  }
}

it('T-16: drivers do to queries what the page says they do', async () => {
  const rows: { scene: string; verdicts: Map<Rival, Verdict> }[] = [];
  for (const { name, play } of SCENES) {
    const verdicts = new Map<Rival, Verdict>();
    for (const rival of RIVALS) verdicts.set(rival, await measure(rival, play));
    rows.push({ scene: name, verdicts });
  }
  // Ours are right in all of them, or the page would have nothing to say.
  const ours = rows.flatMap(({ scene, verdicts }) =>
    [...verdicts].flatMap(([{ name, ours }, verdict]) =>
      ours && verdict !== 'right' ? [`${scene}: ${name} ${verdict}`] : [],
    ),
  );
  expect(ours).toEqual([]);
  await expect(compared(rows, figures)).toMatchFileSnapshot('../../docs/databases-compared.md');
});
