import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built CLI at work, in a process group of its own. */
export interface Cli {
  readonly pid: number;
  /** The lines of standard output so far, and then each as it comes. */
  lines(): AsyncIterable<string>;
  /** To the group, as Ctrl-C does it; `alone`: to the CLI's own process. */
  kill(signal: NodeJS.Signals, alone?: 'alone'): void;
  /** Nobody reads on. */
  hangUp(): void;
  /** Resolves when the CLI and every process it has started are gone: they all hold its standard error. */
  readonly ended: Promise<Ended>;
}

/** Every one that was started, so that a spec that fails leaves none behind. */
const running = new Set<Cli>();

export function cli(args: readonly string[], env: NodeJS.ProcessEnv = {}): Cli {
  const { FORCE_COLOR: _, NO_COLOR: __, ...inherited } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...env },
  });
  const text = { stdout: '', stderr: '' };
  let wake = () => {};
  let over = false;
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
      wake();
    });
  }
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      running.delete(started);
      wake();
      resolve({ code, signal, ...text });
    });
  });
  const pid = child.pid!;
  async function* lines() {
    for (let at = 0; ; ) {
      const end = text.stdout.indexOf('\n', at);
      if (end >= 0) {
        yield text.stdout.slice(at, end);
        at = end + 1;
      } else if (over) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  const started: Cli = {
    pid,
    lines,
    kill: (signal, alone) => void process.kill(alone === undefined ? -pid : pid, signal),
    hangUp: () => child.stdout.destroy(),
    ended,
  };
  running.add(started);
  return started;
}

/** Ends what a spec has left running; for `afterEach`. */
export async function endAll(): Promise<void> {
  const all = [...running];
  for (const one of all) one.kill('SIGKILL');
  await Promise.all(all.map(({ ended }) => ended));
}

/** Whether a process of the CLI's group is still there. */
export function hasSurvivors(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** A chain that `demo --serve --json` keeps up, and what its hops tell. */
export interface Served {
  readonly cli: Cli;
  readonly curl: string;
  readonly hops: readonly { hop: string; pid: number; url: string }[];
  /** Resolves with what is known of each hop when `test` holds for it. Calls are told apart by nothing: make one at a time. */
  until(test: (visits: Readonly<Record<string, Visited>>) => boolean): Promise<Record<string, Visited>>;
}

interface Visited {
  readonly hop: string;
  readonly reason: string | null;
  readonly stoppedAt: number | null;
  readonly doneAt: readonly number[];
}

export async function served(...args: string[]): Promise<Served> {
  const started = cli(['demo', '--serve', '--json', ...args]);
  const lines = started.lines()[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done) throw new Error(`the chain did not come up: ${(await started.ended).stderr}`);
  const { serving } = JSON.parse(first.value);
  const visits: Record<string, Visited> = {};
  return {
    cli: started,
    ...serving,
    async until(test) {
      while (!test(visits)) {
        const line = await lines.next();
        if (line.done) throw new Error(`the chain has gone: ${(await started.ended).stderr}`);
        const { visit } = JSON.parse(line.value);
        visits[visit.hop] = visit;
      }
      return visits;
    },
  };
}
