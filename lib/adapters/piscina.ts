// Jobs of a pool of threads under a token, each job under its own.
//
// Invariants
// 1. A job that was cancelled before a thread has taken it never begins, and its caller does not wait for its turn. The thread
//    marks it as taken before it looks for the cancel, and this side cancels before it looks for the mark: one of them sees it.
// 2. A thread is terminated only for a job that has it to itself, and only after the grace. A job of which nothing has been heard
//    may be with a thread all the same, which is still loading the job's file: the pool takes it out of the queue only before
//    it is cloned for a thread.
import type { Piscina } from 'piscina';
import {
  type Cancellable,
  CancellationError,
  CancellationToken,
  type CancelReason,
  clock,
  currentToken,
  expected,
  isCancellation,
  runAsCurrent,
  toToken,
} from '../core/index.ts';
import { shareToken, tokenFromCell } from '../thread/index.ts';

type RunOptions = NonNullable<Parameters<Piscina['run']>[1]>;

export interface PoolOptions extends Omit<RunOptions, 'signal'> {
  /** Whose cancel stops the job. Default: the current token of `nevermind/ambient`, else none. */
  readonly token?: Cancellable | undefined;
  /**
   * How long a job that has begun may take to end after the cancel, in milliseconds, before its thread is terminated. Default
   * 5 s; where threads run several jobs at once, which all would end with it, Infinity.
   */
  readonly graceMs?: number | undefined;
}

/** A stop, on its way between threads; an error would lose its class and, on some lines of Node, its name. */
interface Stop {
  readonly nevermind: 'stopped';
  readonly reason: CancelReason;
  readonly description: string | undefined;
}

/** What goes to the thread. */
interface Job<T> {
  readonly nevermind: 'job';
  readonly taken: Int32Array;
  readonly cell: SharedArrayBuffer;
  readonly data: T;
}

/**
 * Runs a job in a pool of Piscina's under a token, which the job's function gets if it was made by {@link pooled}.
 *
 * Cancellation: rejects with the token's error when a job that was waiting will not begin, or when one that has begun has ended;
 * a busy thread sees the cancel at once. A value that it yields all the same is a value. After `graceMs` its thread is terminated,
 * and the pool starts another.
 *
 * @param data for the function, cloned or transferred by `transferList`
 * @throws TypeError or RangeError for bad arguments
 *
 * @example
 * const report = await runPooled(pool, rows, { token });
 */
export async function runPooled<T, R = unknown>(pool: Piscina, data: T, options: PoolOptions = {}): Promise<R> {
  checkArguments(pool, options);
  const alone = pool.options.concurrentTasksPerWorker === 1;
  const { token, graceMs = alone ? GRACE_MS : Number.POSITIVE_INFINITY, ...rest } = options;
  checkGrace(graceMs, alone);
  const own = token === undefined ? currentToken() : toToken('token', token);
  own.throwIfCancelled();
  const shared = shareToken(own);
  const abort = new AbortController();
  const job = posting(data, shared.cell);
  let refuse!: (error: unknown) => void;
  let disarm: (() => void) | undefined;
  const refused = new Promise<never>((_, reject) => {
    refuse = reject;
  });
  // It may call back at once: the token of another thread's may be cancelled between two looks at it.
  const registration = own.onCancel((error) => {
    // Out of the queue, where it would take a place for nothing.
    if (!job.posted) abort.abort();
    else if (graceMs < Number.POSITIVE_INFINITY) disarm = clock.after(graceMs, () => abort.abort());
    if (!job.begun) refuse(error);
  });
  const over = (): void => {
    registration.unregister();
    shared.close();
    disarm?.();
  };
  // A job with a signal would keep its thread to itself.
  const how = alone ? { ...rest, signal: abort.signal } : rest;
  const running = new Promise<unknown>((resolve) => resolve(pool.run(job.message, how)));
  // Whoever was refused does not wait for it, and its thread has no longer than the grace either.
  void running.then(over, over);
  try {
    const result: unknown = await Promise.race([running, refused]);
    if (!isOurs<Stop>(result, 'stopped')) return result as R;
    throw own.error ?? new CancellationError(result.reason, { description: result.description });
  } catch (error) {
    throw own.error !== undefined && abort.signal.aborted ? own.error : error;
  }
}

const GRACE_MS = 5_000;

/** A job on its way: it is posted when a thread gets it, and has begun when that has called its function. */
interface Posting {
  posted: boolean;
  readonly begun: boolean;
  readonly message: Job<unknown>;
}

function posting(data: unknown, cell: SharedArrayBuffer): Posting {
  const taken = new Int32Array(new SharedArrayBuffer(4));
  const job: Posting = {
    posted: false,
    get begun() {
      return Atomics.load(taken, 0) !== 0;
    },
    message: {
      nevermind: 'job',
      // Nobody tells when the pool posts a job to a thread; but the message is cloned for it then, and this asked for.
      get taken() {
        job.posted = true;
        return taken;
      },
      cell,
      data,
    },
  };
  return job;
}

/**
 * Makes the function of a pool's thread one that gets the job's token; it is the current one of `nevermind/ambient`, too. Under a
 * token that is cancelled already it is not called.
 *
 * @param fn what a pool's file exports; called by the pool itself, without {@link runPooled}, it gets a token that is never cancelled
 * @throws TypeError for what is no function
 *
 * @example
 * export default pooled(async (rows, token) => {
 *   for (const row of rows) {
 *     token.throwIfCancelled();
 *     crunch(row);
 *   }
 * });
 */
export function pooled<T, R>(fn: (data: T, token: CancellationToken) => PromiseLike<R> | R): (data: T) => Promise<R> {
  if (typeof fn !== 'function') throw new TypeError(expected('fn', 'a function of the data and a token', fn));
  return async (message) => {
    if (!isOurs<Job<T>>(message, 'job')) return await fn(message, CancellationToken.none);
    Atomics.store(message.taken, 0, 1);
    try {
      const token = tokenFromCell(message.cell);
      token.throwIfCancelled();
      return await runAsCurrent(token, () => fn(message.data, token));
    } catch (error) {
      if (!isCancellation(error)) throw error;
      const stop: Stop = { nevermind: 'stopped', reason: error.reason, description: error.description };
      return stop as R;
    }
  };
}

function isOurs<M extends Job<unknown> | Stop>(value: unknown, what: M['nevermind']): value is M {
  return typeof value === 'object' && value !== null && (value as Partial<M>).nevermind === what;
}

function checkArguments(pool: unknown, options: unknown): void {
  if (typeof (pool as Partial<Piscina> | null | undefined)?.run !== 'function')
    throw new TypeError(expected('pool', 'a Piscina', pool));
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
}

function checkGrace(graceMs: unknown, alone: boolean): void {
  const what = 'a number of milliseconds, 0 or more';
  if (typeof graceMs !== 'number') throw new TypeError(expected('graceMs', what, graceMs));
  if (!(graceMs >= 0)) throw new RangeError(expected('graceMs', what, graceMs));
  if (alone || graceMs === Number.POSITIVE_INFINITY) return;
  const shared = 'Infinity, as a thread of this pool runs several jobs and all would end with it';
  throw new RangeError(expected('graceMs', shared, graceMs));
}
