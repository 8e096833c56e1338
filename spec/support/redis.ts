import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A Redis of the specs' own: on a socket in a folder of its own, keeping nothing. */
export interface RedisServer extends AsyncDisposable {
  /** What clients connect to. */
  readonly path: string;
  /** Stops it from answering, with its connections open, until `thaw`. */
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
}

/** @throws Error that says what to install */
export async function startRedis(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'nevermind-redis-'));
  const path = join(folder, 'socket');
  const options = ['--port', '0', '--unixsocket', path, '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  try {
    await ready(child);
  } catch (cause) {
    rmSync(folder, { recursive: true });
    throw new Error(
      'These specs need redis-server 7. Debian and Ubuntu: apt-get install redis-server, as .ci/services does.',
      {
        cause,
      },
    );
  }
  const kill = async (): Promise<void> => {
    // Also one that is frozen.
    child.kill('SIGKILL');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    path,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

async function ready(child: ChildProcess): Promise<void> {
  await once(child, 'spawn');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    lines.push(line);
    if (line.includes('ready to accept connections')) break;
  }
  if (child.exitCode !== null) throw new Error(lines.join('\n'));
  child.stdout?.resume();
}
