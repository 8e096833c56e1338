// Processes under a token, with all that they start in turn.
//
// Invariants
// 1. A process that `spawn` has started leads a group of its own, so that a signal reaches what it has started and nobody else.
// 2. A group is signalled only while it has members: afterwards its number may be somebody else's.
// 3. `ended` of a process that was told to stop tells of the whole group. Of one that ends by itself it tells of that one:
//    what it has left behind, such as a daemon, it may have meant to.
// 4. No group outlives this process, if that ends in order, while its leader runs.
import { type ChildProcess, type SpawnOptions, spawn as start } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { type Cancellable, type CancellationToken, currentToken, expected, toToken } from '../core/index.ts';
import { afterAwake, cancellable, type Outcome, unwrap } from '../task/index.ts';

/** How a process ended, as Node's `exit` event tells it: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface EndOptions {
  /** Whose cancel ends the process. Default: the current token of `nevermind/ambient`, else none. */
  readonly token?: Cancellable | undefined;
  /** How a process is told to stop. Default SIGTERM. */
  readonly killSignal?: NodeJS.Signals | undefined;
  /** How long it may take to end after that, in milliseconds, before SIGKILL. Default 5 s; 0: SIGKILL at once; Infinity: never. */
  readonly graceMs?: number | undefined;
}

export type ProcessOptions = EndOptions &
  Omit<SpawnOptions, 'signal' | 'killSignal' | 'timeout' | 'detached'> & {
    /** Ends what the process has started, too. Default true; false leaves it in this process's own group, on its terminal. */
    readonly tree?: boolean | undefined;
  };

export type ExecOptions = ProcessOptions & {
  /** The most that either output may hold, in bytes; more is an error. Default 1 MiB, as with Node's. */
  readonly maxBuffer?: number | undefined;
};

/** A process, and how it ends. */
export type Ending = ChildProcess & {
  /**
   * A value when the process has ended by itself, with whatever code, or with 0 in spite of the cancel; a stop when the cancel
   * ended it; an error when it could not be started. Never rejects.
   */
  readonly ended: Promise<Outcome<Exit>>;
};

/** What a program has printed. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts a program as Node's `spawn` does, and ends it, with all the processes that it has started, when the token is
 * cancelled: by `killSignal`, and by SIGKILL for those that are still there after `graceMs`; until then it keeps this process.
 *
 * Cancellation: see `ended`. Under a token that is cancelled already nothing is started. For its tree to be told from others, the
 * program gets a session of its own, so that Ctrl-C on a terminal does not reach it: cancel the token on SIGINT. On Windows,
 * which has no such groups, only the program itself is ended.
 *
 * @throws the token's error when that is cancelled already, TypeError or RangeError for bad arguments
 *
 * @example
 * const child = spawn('ffmpeg', ['-i', 'in.mov', 'out.mp4'], { token, graceMs: 2_000 });
 * const outcome = await child.ended;
 */
export function spawn(command: string, args: readonly string[] = [], options: ProcessOptions = {}): Ending {
  const { child, watch } = begin(command, args, options);
  return Object.assign(child, { ended: watch.ended });
}

function begin(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
): { child: ChildProcess; watch: Watch } {
  const { token, killSignal, graceMs, tree = true, ...rest } = options;
  const limits = limitsOf({ token, killSignal, graceMs });
  limits.token.throwIfCancelled();
  const grouped = tree && process.platform !== 'win32';
  const child = start(command, args, { ...rest, detached: grouped });
  return { child, watch: new Watch(child, grouped, limits) };
}

/**
 * Runs a program to its end, as Node's `execFile` does with promises, under a token; see {@link spawn}.
 *
 * Rejects with the token's error when the cancel ended it; with an Error that has `code`, `signal`, `stdout` and `stderr` for a
 * code that is not 0, and for an output of more than `maxBuffer`. It waits until both outputs are closed.
 *
 * @example
 * const { stdout } = await execFile('git', ['log', '--oneline'], { token });
 */
export async function execFile(
  file: string,
  args: readonly string[] = [],
  options: ExecOptions = {},
): Promise<Printed> {
  const { maxBuffer = MAX_BUFFER, ...rest } = options;
  if (typeof maxBuffer !== 'number') throw new TypeError(expected('maxBuffer', 'a number of bytes', maxBuffer));
  const { child, watch } = begin(file, args, { ...rest, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new Output(child, maxBuffer, () => watch.signal('SIGKILL'));
  const exit = unwrap(await watch.ended);
  const printed = await output.whole(watch.token);
  if (exit.code === 0 && !output.over) return printed;
  const why = output.over
    ? `printed more than \`maxBuffer\`, ${maxBuffer} bytes`
    : `ended with ${exit.code ?? exit.signal}`;
  throw Object.assign(new Error(`${file} ${why}.`), exit, printed);
}

const MAX_BUFFER = 1 << 20;

/**
 * Ends a process that was started otherwise, by `fork` or by a library, when the token is cancelled. What it has started in turn
 * is its own affair.
 *
 * @returns the same process
 * @throws TypeError or RangeError for bad arguments
 */
export function endWith<C extends ChildProcess>(child: C, options: EndOptions): C & Ending {
  if (typeof child?.kill !== 'function' || typeof child.once !== 'function')
    throw new TypeError(expected('child', 'a ChildProcess', child));
  return Object.assign(child, { ended: new Watch(child, false, limitsOf(options)).ended });
}

interface Limits {
  readonly token: CancellationToken;
  readonly killSignal: NodeJS.Signals;
  readonly graceMs: number;
}

function limitsOf({ token, killSignal = 'SIGTERM', graceMs = GRACE_MS }: EndOptions): Limits {
  if (!(killSignal in constants.signals))
    throw new TypeError(expected('killSignal', "a signal's name, such as 'SIGTERM'", killSignal));
  const what = 'a number of milliseconds, 0 or more';
  if (typeof graceMs !== 'number') throw new TypeError(expected('graceMs', what, graceMs));
  if (!(graceMs >= 0)) throw new RangeError(expected('graceMs', what, graceMs));
  return { token: token === undefined ? currentToken() : toToken('token', token), killSignal, graceMs };
}

const GRACE_MS = 5_000;
/** How often a group whose leader has left is asked whether anybody is left; nobody tells. In milliseconds. */
const POLL_MS = 10;

/** Groups whose leaders run. */
const led = new Set<Watch>();

function killAll(): void {
  for (const watch of led) watch.signal('SIGKILL');
}

/** One process, from its start to its end. */
class Watch {
  readonly ended: Promise<Outcome<Exit>>;
  readonly token: CancellationToken;
  readonly #child: ChildProcess;
  readonly #grouped: boolean;
  readonly #limits: Limits;
  #end!: (outcome: Outcome<Exit>) => void;
  #exit: Exit | undefined;
  #killed = false;
  #disarm: (() => void) | undefined;

  constructor(child: ChildProcess, grouped: boolean, limits: Limits) {
    this.#child = child;
    this.#grouped = grouped;
    this.#limits = limits;
    this.token = limits.token;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    // Without a process there is no exit; and only then: whoever owns the process hears of all other errors himself.
    if (child.pid === undefined) child.once('error', (error) => this.#end({ kind: 'error', error }));
    else if (child.exitCode !== null || child.signalCode !== null)
      this.#end({ kind: 'value', value: { code: child.exitCode, signal: child.signalCode } });
    else this.#follow();
  }

  #follow(): void {
    if (this.#grouped) {
      if (led.size === 0) process.on('exit', killAll);
      led.add(this);
    }
    const registration = this.token.onCancel(() => this.#stop());
    this.#child.once('exit', (code, signal) => {
      this.#exit = { code, signal };
      registration.unregister();
      this.#leaderLeft();
    });
  }

  #stop(): void {
    const { killSignal, graceMs } = this.#limits;
    if (graceMs === 0) this.#kill();
    else this.signal(killSignal);
    if (graceMs > 0) this.#disarm = afterAwake(graceMs, () => this.#kill());
  }

  #kill(): void {
    this.#killed = true;
    this.signal('SIGKILL');
    if (this.#exit !== undefined) this.#settle();
  }

  /** Killed or empty, a group is over; until then it is looked at again. */
  #leaderLeft(): void {
    const stopping = this.token.cancelled && this.#grouped && !this.#killed;
    if (!stopping || !isAlive(this.#child.pid as number)) this.#settle();
    else afterAwake(POLL_MS, () => this.#leaderLeft());
  }

  #settle(): void {
    this.#disarm?.();
    led.delete(this);
    if (led.size === 0) process.off('exit', killAll);
    const { token } = this;
    const value = this.#exit as Exit;
    if (token.error === undefined || value.code === 0) this.#end({ kind: 'value', value });
    else this.#end({ kind: 'stopped', error: token.error });
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#grouped) signalGroup(this.#child.pid as number, signal);
    else this.#child.kill(signal);
  }
}

/** @returns whether anybody was there */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    // There, and not ours to signal: a member that runs as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether a member of the group does anything. A zombie does not; in a container without an init it stays for good. */
function isAlive(group: number): boolean {
  if (!signalGroup(group, 0)) return false;
  if (process.platform !== 'linux') return true;
  return readdirSync('/proc').some((name) => {
    try {
      // The name of the program, in parentheses, may hold anything; behind it are the state, the parent and the group.
      const [state, , of] = /\) (\S) (\d+) (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'latin1'))?.slice(1) ?? [];
      return Number(of) === group && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  });
}

/** What a process prints, as text. */
class Output {
  over = false;
  readonly #streams: readonly Readable[];
  readonly #texts: readonly Promise<string>[];

  /** @param full called once, when one of the outputs has gone over the limit */
  constructor({ stdout, stderr }: ChildProcess, limit: number, full: () => void) {
    this.#streams = [stdout as Readable, stderr as Readable];
    this.#texts = this.#streams.map((stream) => this.#collect(stream, limit, full));
  }

  /** Waits until both are closed: somebody may hold them for longer than the process has lived. */
  async whole(token: CancellationToken): Promise<Printed> {
    const both = Promise.all(this.#texts);
    try {
      const [stdout, stderr] = (await (token.cancelled ? both : cancellable(both)(token))) as [string, string];
      return { stdout, stderr };
    } finally {
      for (const stream of this.#streams) stream.destroy();
    }
  }

  #collect(stream: Readable, limit: number, full: () => void): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else if (!this.over) {
        this.over = true;
        full();
      }
    });
    return new Promise((resolve) => stream.once('close', () => resolve(Buffer.concat(chunks).toString())));
  }
}
