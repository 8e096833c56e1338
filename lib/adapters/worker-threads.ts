// Worker threads under a token: told by shared memory, so that a busy one hears too, and terminated if it does not stop.
//
// The cell goes along as environment data, which every worker gets from its parent and hands on to its own: so the work that a
// worker has started in further threads is under the same token, and `workerData` stays the user's. An error on its way out of a
// thread loses its class, and on some lines of Node its name; so the thread leaves a mark when what it dies of is a stop, and
// takes it back when it has survived that and another error comes. Its own threads share the mark: when one of them dies of a
// stop and it dies of that error in turn, it sees no more than what is left of it.
import { getEnvironmentData, setEnvironmentData, Worker, type WorkerOptions } from 'node:worker_threads';
import {
  type Cancellable,
  CancellationToken,
  clock,
  currentToken,
  expected,
  isCancellation,
  toToken,
} from '../core/index.ts';
import type { Outcome } from '../task/index.ts';
import { type SharedToken, shareToken, tokenFromCell } from '../thread/index.ts';

export interface ThreadOptions extends WorkerOptions {
  /** Whose cancel ends the worker. Default: the current token of `nevermind/ambient`, else none. */
  readonly token?: Cancellable | undefined;
  /** How long it may take to end after that, in milliseconds, before it is terminated. Default 5 s; Infinity: never. */
  readonly graceMs?: number | undefined;
}

/** A worker, and how it ends. */
export type EndingWorker = Worker & {
  /**
   * A value, the exit code, when the worker has ended by itself, or with 0 in spite of the cancel; a stop when it ended otherwise
   * after the cancel, by the token's error too; an error when it threw another. Never rejects.
   */
  readonly ended: Promise<Outcome<number>>;
};

/**
 * Starts a worker as `new Worker` does, under a token, which it gets by {@link workerToken}.
 *
 * Cancellation: the worker sees the cancel at once, even while it is busy. It may clean up for `graceMs`; then it is
 * terminated, in the midst of whatever it does. Under a token that is cancelled already nothing is started.
 *
 * @throws the token's error when that is cancelled already, TypeError or RangeError for bad arguments
 *
 * @example
 * const worker = startWorker(new URL('./render.js', import.meta.url), { workerData: scene, token });
 * const outcome = await worker.ended;
 */
export function startWorker(filename: string | URL, options: ThreadOptions = {}): EndingWorker {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const { token, graceMs = GRACE_MS, ...rest } = options;
  checkGrace(graceMs);
  const own = token === undefined ? currentToken() : toToken('token', token);
  own.throwIfCancelled();
  const shared = shareToken(own);
  const stopped = new Int32Array(new SharedArrayBuffer(4));
  const worker = started(filename, rest, shared, stopped);
  const ended = new Promise<Outcome<number>>((resolve) => {
    let failure: { readonly error: unknown } | undefined;
    let disarm: (() => void) | undefined;
    const registration = own.onCancel(() => {
      if (graceMs < Number.POSITIVE_INFINITY) disarm = clock.after(graceMs, () => void worker.terminate());
    });
    worker.once('error', (error) => {
      failure = { error };
    });
    worker.once('exit', (code) => {
      registration.unregister();
      shared.close();
      disarm?.();
      const { error } = own;
      const stop = failure === undefined ? code !== 0 : Atomics.load(stopped, 0) !== 0;
      if (error !== undefined && stop) resolve({ kind: 'stopped', error });
      else resolve(failure === undefined ? { kind: 'value', value: code } : { kind: 'error', ...failure });
    });
  });
  return Object.assign(worker, { ended });
}

/** What a thread gets from the one that has started it. */
interface Inheritance {
  readonly cell: SharedArrayBuffer;
  readonly stopped: Int32Array;
}

const KEY = 'nevermind.cell';
const GRACE_MS = 5_000;

type EnvironmentData = Parameters<typeof setEnvironmentData>[1];

/** The data are copied while the worker is made; so nobody else's worker gets them. */
function started(filename: string | URL, options: WorkerOptions, shared: SharedToken, stopped: Int32Array): Worker {
  const inherited = getEnvironmentData(KEY);
  const given: Inheritance = { cell: shared.cell, stopped };
  setEnvironmentData(KEY, given as unknown as EnvironmentData);
  try {
    return new Worker(filename, options);
  } catch (error) {
    shared.close();
    throw error;
  } finally {
    setEnvironmentData(KEY, inherited);
  }
}

let mine: CancellationToken | undefined;

/**
 * The token that this thread was started under, by {@link startWorker} here or in a thread above; always the same.
 *
 * @returns `CancellationToken.none` in the main thread, and in a worker that was started otherwise
 */
export function workerToken(): CancellationToken {
  mine ??= tokenOfThread();
  return mine;
}

function tokenOfThread(): CancellationToken {
  const given = getEnvironmentData(KEY) as unknown as Inheritance | undefined;
  if (given === undefined) return CancellationToken.none;
  process.on('uncaughtExceptionMonitor', (error: unknown) => {
    if (isCancellation(error)) Atomics.store(given.stopped, 0, 1);
    else if (!isRemnant(error)) Atomics.store(given.stopped, 0, 0);
  });
  return tokenFromCell(given.cell);
}

/** What is left of a stop that came out of another thread: an error without a text; in Node 20 one that says so. */
function isRemnant(error: unknown): boolean {
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  return message === '' || code === 'ERR_UNHANDLED_ERROR';
}

function checkGrace(graceMs: unknown): void {
  const what = 'a number of milliseconds, 0 or more';
  if (typeof graceMs !== 'number') throw new TypeError(expected('graceMs', what, graceMs));
  if (!(graceMs >= 0)) throw new RangeError(expected('graceMs', what, graceMs));
}
