// Servers that a spec starts for itself: with data of their own, and gone with the spec.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * Finds a program on the path, or in the folders where the packages of a server hide it.
 *
 * @throws Error that says what to install
 */
export function programOf(name: string, debianPackage: string, folders: readonly string[] = []): string {
  const path = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin', ...folders];
  for (const folder of path) {
    try {
      const program = join(folder, name);
      accessSync(program, constants.X_OK);
      return realpathSync(program);
    } catch {}
  }
  throw new Error(`These specs start ${name}: install Debian's package ${debianPackage}, or run .ci/services as root.`);
}

/** A port of this machine that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Who runs a server that refuses to be run by root: oneself, or nobody in root's place. */
const owner = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;

function idOf(which: '-u' | '-g'): number {
  return Number(execFileSync('id', [which, 'nobody'], { encoding: 'utf8' }));
}

/** A folder of the server's own. */
export function ownFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  return folder;
}

/** A file of the server's own, that nobody else reads. */
export function ownFile(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600 });
  if (owner !== undefined) chownSync(path, owner.uid, owner.gid);
}

/** Runs a program of the server to its end, as its owner. */
export function runAsOwner(program: string, args: readonly string[]): void {
  execFileSync(program, args, { ...owner, cwd: tmpdir(), stdio: 'pipe', env: { ...process.env, LC_ALL: 'C' } });
}

export interface ServiceOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** What it says on standard error when it can be called. */
  readonly ready: string;
  /** What ends it without waiting for its clients. */
  readonly endsBy: NodeJS.Signals;
}

export class Service implements AsyncDisposable {
  readonly #options: ServiceOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(options: ServiceOptions) {
    const { program, args, folder } = options;
    this.#options = options;
    const stdio = ['ignore', 'ignore', 'pipe'] as const;
    this.#child = spawn(program, args, {
      ...owner,
      cwd: folder,
      stdio: [...stdio],
      env: { ...process.env, LC_ALL: 'C' },
    });
    this.#exited = once(this.#child, 'exit');
    process.once('exit', this.#kill);
  }

  readonly #kill = (): void => void this.#child.kill();

  static async start(options: ServiceOptions): Promise<Service> {
    const service = new Service(options);
    let words = '';
    await new Promise<void>((resolve, reject) => {
      service.#child.stderr?.on('data', (chunk) => {
        words = (words + chunk).slice(-4_000);
        if (words.includes(options.ready)) resolve();
      });
      service.#exited.then(() => reject(new Error(`${options.program} has ended: ${words}`)), reject);
    });
    return service;
  }

  /** Ends it, by its process, and takes its data away. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill(this.#options.endsBy);
    await this.#exited;
    process.off('exit', this.#kill);
    rmSync(this.#options.folder, { recursive: true, force: true });
  }
}
