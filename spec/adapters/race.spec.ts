// Queries that are cancelled about when they end, and the next ones on the same connection: no cancel may hit those.
// `npm run bench:databases` does it 10,000 times, and some with all the other ways to cancel: the figures of
// docs/databases-compared.md.
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { root } from '../house/sources.ts';
import { startMariadb } from '../support/mariadb-server.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { scale } from '../support/soak.ts';
import { MariadbAdmin } from './support/mariadb-admin.ts';
import { PostgresAdmin } from './support/postgres-admin.ts';
import { type Race, type Round, race } from './support/race.ts';
import { RIVALS, type Rival, type Where } from './support/rivals.ts';

const recorded = Number(process.env.RECORD ?? 0);
const times = recorded || 250 * scale;
/** Enough to see one of a hundred next queries killed. */
const timesOfOthers = 600;

vi.setConfig({ testTimeout: 60_000 + 60 * (times + 6 * timesOfOthers) });

interface Started extends AsyncDisposable {
  readonly where: Where;
  readonly round: Omit<Round, 'times'>;
}

let servers: Record<Rival['server'], Started>;
beforeAll(async () => {
  const [PostgreSQL, MariaDB] = await Promise.all([onPostgres(), onMariadb()]);
  servers = { PostgreSQL, MariaDB };
  vi.spyOn(console, 'error').mockImplementation(() => {});
});
afterAll(async () => {
  vi.restoreAllMocks();
  await servers.PostgreSQL[Symbol.asyncDispose]();
  await servers.MariaDB[Symbol.asyncDispose]();
});

async function onPostgres(): Promise<Started> {
  const server = await startPostgres();
  const admin = await PostgresAdmin.connect(server);
  const { host, port, user, database } = server;
  return {
    where: { host, port, user, database },
    round: {
      query: (ms) => `select pg_sleep(${ms / 1_000})`,
      next: 'select pg_sleep(0.001)',
      tick: () => admin.rows('select 1'),
    },
    async [Symbol.asyncDispose]() {
      await admin[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function onMariadb(): Promise<Started> {
  const server = await startMariadb();
  const admin = await MariadbAdmin.connect(server);
  const { host, port, user, database } = server;
  return {
    where: { host, port, user, database },
    round: {
      query: (ms) => `select sleep(${ms / 1_000})`,
      next: 'select sleep(0.001)',
      tick: () => admin.rows('select 1'),
    },
    async [Symbol.asyncDispose]() {
      await admin[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function run(rival: Rival, times: number): Promise<Race> {
  const { where, round } = servers[rival.server];
  await using rig = await rival.open(where);
  return await race(rig, { ...round, times });
}

const ours = RIVALS.filter((rival) => rival.ours);
const found: Record<string, Race> = {};

it.each(ours.map((rival) => [rival.name, rival] as const))('T-16: the next query lives: %s', async (name, rival) => {
  found[name] = await run(rival, times);
  expect(found[name]).toMatchObject({ killed: 0, failed: 0 });
  // Both happen, or the race would be none.
  expect(found[name].stopped).toBeGreaterThan(0);
  expect(found[name].finished).toBeGreaterThan(0);
});

it('the figures of the page are written down, when somebody asks for it', async () => {
  if (recorded === 0) return;
  for (const rival of RIVALS) found[rival.name] ??= await run(rival, timesOfOthers);
  const figures = { node: process.version.slice(1), rivals: found };
  writeFileSync(`${root}bench/results/databases.json`, `${JSON.stringify(figures, null, 2)}\n`);
});
