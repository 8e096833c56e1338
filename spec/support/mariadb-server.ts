import { join } from 'node:path';
import { freePort, ownFolder, programOf, runAsOwner, Service } from './service.ts';

/** A MariaDB of the spec's own, that lets everybody in as `root`. */
export interface MariadbServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

export async function startMariadb(): Promise<MariadbServer> {
  const program = programOf('mariadbd', 'mariadb-server-core');
  programOf('my_print_defaults', 'mariadb-client-core');
  const install = programOf('mariadb-install-db', 'mariadb-server-core');
  const folder = ownFolder();
  const data = ['--no-defaults', `--datadir=${folder}`];
  const auth = '--auth-root-authentication-method=normal';
  runAsOwner(install, [...data, auth, '--skip-name-resolve', '--skip-test-db']);
  const port = await freePort();
  const args = [
    ...data,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(folder, 'socket')}`,
    `--pid-file=${join(folder, 'pid')}`,
    '--skip-name-resolve',
    '--innodb-buffer-pool-size=8M',
    '--innodb-flush-log-at-trx-commit=0',
    // The ends of connections that specs cut are no news.
    '--log-warnings=0',
  ];
  const service = await Service.start({ program, args, folder, ready: 'ready for connections', endsBy: 'SIGTERM' });
  return {
    host: '127.0.0.1',
    port,
    user: 'root',
    database: 'mysql',
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}
