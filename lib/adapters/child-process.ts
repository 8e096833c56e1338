// Processes under a token, with all that they start in turn.
//
// A process that `spawn` has started leads a group of its own, so that a signal reaches what it has started and nobody else.
import { type ChildProcess, type SpawnOptions, spawn as start } from 'node:child_process';
import { constants } from 'node:os';
import { type Cancellable, currentToken, expected, toToken } from '../core/index.ts';
import { type Exit, type Limits, Output, type Printed, Watch } from '../process/index.ts';
import { type Outcome, unwrap } from '../task/index.ts';

export type { Exit, Printed };

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
    /**
     * Ends what the process has started, too, and all of them when this process exits. Default true; false leaves it in this
     * process's own group, on its terminal.
     */
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
  // Node takes options in their place, too; here they would go without their token.
  if (!Array.isArray(args)) throw new TypeError(`${expected('args', 'an array of strings', args)} Options come third.`);
  checkOptions(options);
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
 * code that is not 0, and for an output of more than `maxBuffer`, of which no more is read. It waits until both outputs are closed:
 * after a cancel no longer than `graceMs` for what the program, which has ended well in spite of it, has left behind.
 *
 * @example
 * const { stdout } = await execFile('git', ['log', '--oneline'], { token });
 */
export async function execFile(
  file: string,
  args: readonly string[] = [],
  options: ExecOptions = {},
): Promise<Printed> {
  checkOptions(options);
  const { maxBuffer = MAX_BUFFER, ...rest } = options;
  checkAmount('maxBuffer', 'a number of bytes, 0 or more', maxBuffer);
  const { child, watch } = begin(file, args, { ...rest, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new Output(child, maxBuffer, () => watch.signal('SIGKILL'));
  try {
    const exit = unwrap(await watch.ended);
    const printed = await output.whole(watch.limits.token, watch.limits.graceMs);
    if (exit.code === 0 && !output.over) return printed;
    const why = output.over
      ? `printed more than \`maxBuffer\`, ${maxBuffer} bytes`
      : `ended with ${exit.code ?? exit.signal}`;
    throw Object.assign(new Error(`${file} ${why}.`), exit, printed);
  } finally {
    output.close();
  }
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
  checkOptions(options);
  return Object.assign(child, { ended: new Watch(child, false, limitsOf(options)).ended });
}

function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
}

function limitsOf({ token, killSignal = 'SIGTERM', graceMs = GRACE_MS }: EndOptions): Limits {
  if (!(killSignal in constants.signals))
    throw new TypeError(expected('killSignal', "a signal's name, such as 'SIGTERM'", killSignal));
  checkAmount('graceMs', 'a number of milliseconds, 0 or more', graceMs);
  return { token: token === undefined ? currentToken() : toToken('token', token), killSignal, graceMs };
}

const GRACE_MS = 5_000;

function checkAmount(name: string, what: string, amount: unknown): void {
  if (typeof amount !== 'number') throw new TypeError(expected(name, what, amount));
  if (!(amount >= 0)) throw new RangeError(expected(name, what, amount));
}
