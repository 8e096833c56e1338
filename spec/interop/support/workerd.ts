// workerd, the runtime of Cloudflare's workers, as it is published on npm.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';
import { program } from '../../support/program.ts';

const VERSION = '1.20261117.1';

/** A worker that serves on loopback. */
export class Workerd implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #lines: string[] = [];
  readonly #waiting = new Map<string, () => void>();

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
    createInterface({ input: child.stdout as Readable }).on('line', (line) => {
      this.#lines.push(line);
      this.#waiting.get(line)?.();
    });
  }

  /** @param worker the path of its module */
  static async start(worker: string): Promise<Workerd> {
    const folder = mkdtempSync(join(tmpdir(), 'nevermind-workerd-'));
    await build({ entryPoints: [worker], bundle: true, format: 'esm', outfile: join(folder, 'worker.js') });
    writeFileSync(join(folder, 'config.capnp'), CONFIG);
    const arch = process.arch === 'x64' ? '64' : process.arch;
    const home = await program(`@cloudflare/workerd-${process.platform}-${arch}`, VERSION);
    const args = ['serve', join(folder, 'config.capnp'), '--control-fd=3'];
    const child = spawn(join(home, 'bin/workerd'), args, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] });
    const [line] = await once(createInterface({ input: child.stdio[3] as Readable }), 'line');
    return new Workerd(child, folder, JSON.parse(line).port);
  }

  /** Waits until it has logged this line. */
  async logged(line: string): Promise<void> {
    if (!this.#lines.includes(line)) await new Promise<void>((resolve) => this.#waiting.set(line, resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
    rmSync(this.#folder, { recursive: true });
  }
}

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "internet", network = (allow = ["private"])),
    (name = "main", worker = (
      modules = [(name = "worker", esModule = embed "worker.js")],
      compatibilityDate = "2026-11-01",
      compatibilityFlags = ["enable_request_signal"],
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
