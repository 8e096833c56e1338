// A worker of BullMQ under tokens: one for each job, and an end in order.
//
// Invariants
// 1. A job whose lock is lost is another worker's, or soon will be: its token is cancelled with PEER_CLOSED, and nothing more is
//    told to BullMQ of it. BullMQ says that a lock could not be renewed, but not to the job; of a Redis that is out of reach for
//    longer than the lock lasts it says nothing at all, so each run counts for itself how long its lock holds.
// 2. A job that the end of the worker has stopped goes back to the queue, and costs none of its attempts.
// 3. There is one drain and one report, however often it is asked for.
import type { Job, Processor, Worker } from 'bullmq';
import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  clock,
  currentToken,
  expected,
  toToken,
} from '../core/index.ts';
import { type Outcome, run } from '../task/index.ts';

export interface JobsOptions<D = unknown, R = unknown, N extends string = string> {
  /** Its cancel ends the worker, with no grace; default: the current token of `nevermind/ambient`, else none. */
  readonly token?: Cancellable | undefined;
  /** What a job may take, in milliseconds, or a function that says so for each. Default: any time. */
  readonly timeoutMs?: number | ((job: Job<D, R, N>) => number) | undefined;
}

export interface JobsDrainOptions {
  /** How long jobs under way may go on undisturbed, in milliseconds; 0 or less: not at all. Default 10 s. */
  readonly graceMs?: number | undefined;
  /** How long they may take to stop after `SHUTDOWN` has reached their tokens; 0 or less: not at all. Default 5 s. */
  readonly timeoutMs?: number | undefined;
}

export interface JobsReport {
  /** Jobs that ended within the grace. */
  readonly drained: number;
  /** Jobs that ended after `SHUTDOWN`, in time. */
  readonly cancelled: number;
  /** Jobs whose handlers still run: they were given back to the queue without them, and another worker may begin them again. */
  readonly stillRunning: readonly { readonly name: string; readonly id: string | undefined; readonly ageMs: number }[];
  /** How long it all took, in milliseconds. */
  readonly tookMs: number;
}

/** A worker whose jobs have tokens. */
export interface Jobs<W> extends AsyncDisposable {
  readonly worker: W;
  /** How many jobs are under way. */
  readonly running: number;
  /**
   * Ends the worker in order: it takes nothing new, jobs under way may finish for `graceMs`, the rest is cancelled with `SHUTDOWN`
   * and given `timeoutMs` to stop, and goes back to the queue. Resolves as soon as nothing is left and the worker has closed, which
   * is waited for no longer than a second. A second call joins the first; one without any time forces it. Never rejects.
   *
   * @throws TypeError for a time that is no number
   */
  drain(options?: JobsDrainOptions): Promise<JobsReport>;
}

/**
 * Makes a worker of BullMQ whose handler gets a token for each job, also as the current one of `nevermind/ambient`.
 *
 * | the token is cancelled | reason | the job |
 * |---|---|---|
 * | `worker.cancelJob(id)` | `CANCELLED` | fails for good, however many attempts are left |
 * | `timeoutMs` has passed | `TIMEOUT` | fails, and is tried again as its options say |
 * | its lock is lost | `PEER_CLOSED` | is another worker's |
 * | {@link Jobs.drain}, `token` | `SHUTDOWN`, the token's | goes back to the queue, and keeps its attempts |
 *
 * Cancellation: cooperative; the worker waits for the handler. A job whose handler returns a value all the same is complete, unless
 * its lock is lost. An error that is no stop is the job's.
 *
 * A lock is held to be lost, too, when it has not been renewed for `lockDuration`, or for what `job.extendLock` asked. This is told
 * in this process only: to cancel a job from elsewhere, tell the process that runs it. Sandboxed processors get no token.
 *
 * @param handler does the work of one job
 * @param make makes the worker of the processor that it is given; of BullMQ 5.64 or later, the first to tell which locks it renews
 * @throws TypeError or RangeError for bad arguments
 * @example
 * const handler = async (job: Job<Mail>, token: CancellationToken) => send(job.data, token);
 * const jobs = serveJobs(handler, (processor) => new Worker('mail', processor, { connection }));
 * process.once('SIGTERM', () => jobs.drain());
 */
export function serveJobs<D = unknown, R = unknown, N extends string = string>(
  handler: (job: Job<D, R, N>, token: CancellationToken) => R | Promise<R>,
  make: (processor: Processor<D, R, N>) => Worker<D, R, N>,
  options: JobsOptions<D, R, N> = {},
): Jobs<Worker<D, R, N>> {
  if (typeof handler !== 'function')
    throw new TypeError(expected('handler', 'a function of a job and a token', handler));
  if (typeof make !== 'function') throw new TypeError(expected('make', 'a function that makes a Worker', make));
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const { token = currentToken(), timeoutMs = Number.POSITIVE_INFINITY } = options;
  const timeoutOf = typeof timeoutMs === 'function' ? timeoutMs : () => timeoutMs;
  if (typeof timeoutMs !== 'function') checkTimeout(timeoutMs);
  return new Crew(make, handler, timeoutOf, toToken('token', token));
}

function checkTimeout(value: unknown): asserts value is number {
  const what = 'a number of milliseconds above 0, or a function that returns one';
  if (typeof value !== 'number') throw new TypeError(expected('timeoutMs', what, value));
  if (!(value > 0)) throw new RangeError(expected('timeoutMs', what, value));
}

/** What a worker's last answers have to get through to Redis, in milliseconds. */
const FLUSH_MS = 1_000;

class Crew<D, R, N extends string> implements Jobs<Worker<D, R, N>> {
  readonly worker: Worker<D, R, N>;
  readonly #handler: (job: Job<D, R, N>, token: CancellationToken) => R | Promise<R>;
  readonly #timeoutOf: (job: Job<D, R, N>) => number;
  /** Above all jobs. */
  readonly #source: CancellationSource;
  readonly #turns = new Set<Turn>();
  #report: Promise<JobsReport> | undefined;
  #wake: (() => void) | undefined;
  #forced = false;

  constructor(
    make: (processor: Processor<D, R, N>) => Worker<D, R, N>,
    handler: (job: Job<D, R, N>, token: CancellationToken) => R | Promise<R>,
    timeoutOf: (job: Job<D, R, N>) => number,
    parent: CancellationToken,
  ) {
    this.#handler = handler;
    this.#timeoutOf = timeoutOf;
    this.#source = new CancellationSource(parent);
    // BullMQ gives a signal to processors of three parameters only.
    const worker = make((job, lock, signal) => this.#process(job, lock, signal));
    if (typeof worker?.cancelJob !== 'function') {
      void Promise.resolve(worker?.close?.()).catch(() => undefined);
      throw new TypeError(expected('make()', 'a Worker of BullMQ 5.64 or later', worker));
    }
    this.worker = worker;
    worker.on('lockRenewalFailed', (ids) => this.#each(ids, (turn) => turn.lose('its lock could not be renewed')));
    worker.on('locksRenewed', ({ jobIds }) => this.#each(jobIds, (turn) => turn.hold(lockOf(worker))));
    this.#source.token.onCancel(() => void this.drain({ graceMs: 0 }));
  }

  get running(): number {
    return this.#turns.size;
  }

  drain({ graceMs = 10_000, timeoutMs = 5_000 }: JobsDrainOptions = {}): Promise<JobsReport> {
    for (const [name, value] of Object.entries({ graceMs, timeoutMs })) {
      if (typeof value !== 'number' || Number.isNaN(value))
        throw new TypeError(expected(name, 'a number of milliseconds', value));
    }
    if (graceMs <= 0 && timeoutMs <= 0) {
      this.#forced = true;
      this.#wake?.();
    }
    this.#report ??= this.#drain(graceMs, timeoutMs);
    return this.#report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  #each(ids: readonly string[], tell: (turn: Turn) => void): void {
    for (const turn of this.#turns) if (turn.id !== undefined && ids.includes(turn.id)) tell(turn);
  }

  async #process(job: Job<D, R, N>, lock: string | undefined, signal: AbortSignal | undefined): Promise<R> {
    // Whoever runs the same job already has lost its lock, or this worker would not have got it.
    if (job.id !== undefined) this.#each([job.id], (turn) => turn.lose('its lock ran out'));
    const timeout = this.#timeoutOf(job);
    checkTimeout(timeout);
    const turn = new Turn(job, signal === undefined ? [this.#source.token] : [this.#source.token, signal], timeout);
    this.#turns.add(turn);
    turn.hold(lockOf(this.worker));
    turn.holdByItself(job);
    try {
      const running = run((token) => this.#handler(job, token), { token: turn.token });
      return await this.#settle(await Promise.race([running, turn.abandoned]), turn, () => job.moveToWait(lock));
    } finally {
      turn.end();
      this.#turns.delete(turn);
      if (this.#turns.size === 0) this.#wake?.();
    }
  }

  /** What BullMQ is told of a job. */
  async #settle<T>(outcome: Outcome<T>, turn: Turn, giveBack: () => Promise<unknown>): Promise<T> {
    if (turn.lost) throw named('WaitingError', turn.token.error);
    if (outcome.kind === 'value') return outcome.value;
    if (outcome.kind === 'error') throw outcome.error;
    if (turn.token.cancelled && turn.token.error === this.#source.token.error) {
      // Where that fails, the lock runs out, and the queue finds the job by itself.
      await giveBack().catch(() => undefined);
      throw named('WaitingError', outcome.error);
    }
    // For good only where the job was asked to stop, not what it shares with others.
    throw turn.token.reason === 'CANCELLED' ? named('UnrecoverableError', turn.token.error) : outcome.error;
  }

  async #drain(graceMs: number, timeoutMs: number): Promise<JobsReport> {
    const startedAt = clock.now();
    const closed = this.worker.close().catch(() => undefined);
    const empty = async (ms: number): Promise<number> => {
      const before = new Set(this.#turns);
      await this.#empty(ms);
      return [...before].filter((turn) => !this.#turns.has(turn)).length;
    };
    const drained = await empty(graceMs);
    this.#source.cancel('SHUTDOWN');
    const cancelled = await empty(timeoutMs);
    const left = [...this.#turns];
    for (const turn of left) turn.abandon();
    await Promise.race([closed, new Promise<void>((resolve) => clock.after(FLUSH_MS, resolve))]);
    return { drained, cancelled, stillRunning: left.map((turn) => turn.shown), tookMs: clock.now() - startedAt };
  }

  /** Until no job is left, `ms` have passed, or somebody forces. */
  async #empty(ms: number): Promise<void> {
    if (this.#turns.size === 0 || ms <= 0 || this.#forced) return;
    await new Promise<void>((resolve) => {
      const disarm = clock.after(ms, resolve);
      this.#wake = () => {
        disarm();
        resolve();
      };
    });
  }
}

/** How long a lock holds without being renewed, in milliseconds. */
function lockOf(worker: { readonly opts: { readonly lockDuration?: number } }): number {
  return worker.opts.lockDuration ?? 30_000;
}

/** BullMQ goes by the names of these errors: one leaves the job alone, the other fails it for good. */
function named(name: 'WaitingError' | 'UnrecoverableError', cause: Error | undefined): Error {
  const said = typeof cause?.cause === 'string' ? cause.cause : cause?.message;
  return Object.assign(new Error(said, { cause }), { name });
}

/** One run of one job. */
class Turn {
  readonly id: string | undefined;
  readonly abandoned: Promise<Outcome<never>>;
  lost = false;
  readonly #source: CancellationSource;
  readonly #name: string;
  readonly #startedAt = clock.now();
  #disarm: (() => void) | undefined;
  #abandon!: (outcome: Outcome<never>) => void;

  constructor(job: { id?: string | undefined; name: string }, parent: Cancellable[], timeout: number) {
    this.id = job.id;
    this.#name = job.name;
    this.#source = new CancellationSource({ parent, timeout, name: `${job.name} ${job.id}` });
    this.abandoned = new Promise((resolve) => {
      this.#abandon = resolve;
    });
  }

  get token(): CancellationToken {
    return this.#source.token;
  }

  get shown(): { name: string; id: string | undefined; ageMs: number } {
    return { name: this.#name, id: this.id, ageMs: Math.round(clock.now() - this.#startedAt) };
  }

  /** The lock holds for so long from now on. */
  hold(ms: number): void {
    this.#disarm?.();
    if (!this.lost) this.#disarm = clock.after(ms, () => this.lose(`its lock was not renewed for ${ms} ms`));
  }

  /** BullMQ says nothing of a lock that the handler extends; it holds from the question, however late the answer. */
  holdByItself(job: Pick<Job, 'extendLock'>): void {
    const extend = job.extendLock.bind(job);
    job.extendLock = async (lock, ms) => {
      const until = clock.now() + ms;
      const extended = await extend(lock, ms);
      if (extended) this.hold(Math.round(until - clock.now()));
      return extended;
    };
  }

  lose(description: string): void {
    this.lost = true;
    this.#disarm?.();
    this.#source.cancel('PEER_CLOSED', { description });
  }

  abandon(): void {
    const { error } = this.token;
    if (error !== undefined) this.#abandon({ kind: 'stopped', error });
  }

  end(): void {
    this.#disarm?.();
    this.#source.close();
  }
}
