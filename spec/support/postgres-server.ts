import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort, ownFile, ownFolder, programOf, runAsOwner, Service } from './service.ts';

/** A PostgreSQL of the spec's own, that lets everybody in as `postgres`. */
export interface PostgresServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** Where its Unix socket lies. */
  readonly folder: string;
}

/** @param tls a key and a certificate, in PEM: it takes TLS too */
export async function startPostgres(tls?: { key: string; cert: string }): Promise<PostgresServer> {
  const program = programOf('postgres', 'postgresql', versions());
  const folder = ownFolder();
  const initdb = ['-D', folder, '--no-sync', '--no-instructions', '-A', 'trust', '-U', 'postgres', '-E', 'UTF8'];
  runAsOwner(join(dirname(program), 'initdb'), [...initdb, '--locale', 'C']);
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: folder,
    max_connections: 60,
    fsync: 'off',
    synchronous_commit: 'off',
    ssl: tls === undefined ? 'off' : 'on',
  };
  if (tls !== undefined) {
    ownFile(join(folder, 'server.key'), tls.key);
    ownFile(join(folder, 'server.crt'), tls.cert);
  }
  const args = ['-D', folder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const ready = 'ready to accept connections';
  const service = await Service.start({ program, args, folder, ready, endsBy: 'SIGINT' });
  return {
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    folder,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

/** Debian and Ubuntu keep each version in a folder of its own. */
function versions(): string[] {
  const folder = '/usr/lib/postgresql';
  try {
    return readdirSync(folder)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(folder, version, 'bin'));
  } catch {
    return [];
  }
}
