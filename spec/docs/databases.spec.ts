// The examples of docs/guide/databases.md, which need a PostgreSQL or a MariaDB, in processes of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { read, root } from '../house/sources.ts';
import { type MariadbServer, startMariadb } from '../support/mariadb-server.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type Block, blocksOf, compiled, promised } from './examples.ts';

const page = 'docs/guide/databases.md';
const blocks = blocksOf(page, read(page)).filter(({ info }) => info === 'ts no-run');

let postgres: PostgresServer;
let mariadb: MariadbServer;
beforeAll(async () => {
  [postgres, mariadb] = await Promise.all([startPostgres(), startMariadb()]);
});
afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await mariadb[Symbol.asyncDispose]();
});

async function run(block: Block) {
  const { host, port, user, database } = postgres;
  const env = {
    ...process.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    MYSQL_URL: `mysql://${mariadb.user}@${mariadb.host}:${mariadb.port}/${mariadb.database}`,
  };
  const options = { cwd: root, stdio: 'pipe', timeout: 20_000, env } as const;
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-'], options);
  child.stdin.end(compiled(block));
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stderr, lines: stdout.trimEnd().split('\n') };
}

describe('the guide to databases', () => {
  it('has an example for each driver', () => {
    const doors = ['pg', 'postgres', 'mysql2'].map((driver) => `nevermind/adapters/${driver}'`);
    expect(doors.filter((door) => !blocks.some(({ code }) => code.includes(door)))).toEqual([]);
  });

  it.each(blocks.map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s runs, and prints what it says it does',
    async (_, block) => {
      const { code, stderr, lines } = await run(block);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      // A loop says so once, and prints it each time.
      expect(lines.filter((line, index) => line !== lines[index - 1])).toEqual(promised(block));
    },
  );
});
