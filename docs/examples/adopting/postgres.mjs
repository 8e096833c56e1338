// A PostgreSQL on a free port, with its data in a temporary folder; both go with the token.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { spawn } from 'nevermind/adapters/child-process';

/** @returns where it is, as pg reads it from the environment */
export async function startPostgres(token) {
  const program = postgresProgram();
  const folder = mkdtempSync(join(tmpdir(), 'nevermind-example-'));
  const as = { ...owner(), cwd: folder };
  if (as.uid !== undefined) chownSync(folder, as.uid, as.gid);
  const initdb = ['-D', folder, '--no-sync', '-A', 'trust', '-U', 'shop', '--locale', 'C', '-E', 'UTF8'];
  execFileSync(join(dirname(program), 'initdb'), initdb, { ...as, stdio: 'pipe' });
  const port = await freePort();
  const settings = ['fsync=off', `port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`];
  // SIGINT is PostgreSQL's own word for a shutdown that waits for no client.
  const server = spawn(program, ['-D', folder, ...settings.flatMap((setting) => ['-c', setting])], {
    ...as,
    token,
    killSignal: 'SIGINT',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = server.ended.then(() => rmSync(folder, { recursive: true, force: true }));
  await ready(server);
  return { ended, env: { PGHOST: '127.0.0.1', PGPORT: String(port), PGUSER: 'shop', PGDATABASE: 'postgres' } };
}

async function ready(server) {
  const lines = [];
  for await (const line of createInterface({ input: server.stderr })) {
    lines.push(line);
    if (line.includes('ready to accept connections')) return void server.stderr.resume();
  }
  throw new Error(`PostgreSQL has ended: ${lines.join('\n')}`);
}

/** Debian and Ubuntu keep each version in a folder of its own, and Homebrew may. */
function postgresProgram() {
  const homes = ['/usr/lib/postgresql', '/opt/homebrew/opt', '/usr/local/opt'];
  const hidden = homes.flatMap((home) => namesIn(home).map((name) => join(home, name, 'bin')));
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...hidden]) {
    try {
      accessSync(join(folder, 'postgres'), constants.X_OK);
      return realpathSync(join(folder, 'postgres'));
    } catch {}
  }
  throw new Error(
    'This example starts a PostgreSQL, and there is none. Debian and Ubuntu: apt-get install postgresql.',
  );
}

function namesIn(folder) {
  try {
    return readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  } catch {
    return [];
  }
}

/** PostgreSQL refuses to be run by root, who has it run by nobody. */
function owner() {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ['-u', '-g'].map((which) => Number(execFileSync('id', [which, 'nobody'])));
  return { uid, gid };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
