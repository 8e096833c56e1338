import { type CancelDetails, CancellationToken, type CancelReason } from '../core/index.ts';
import { Group } from './group.ts';
import { checkFunction, checkLimit, checkTask, type TaskOptions } from './options.ts';
import { type AbandonedError, type Outcome, type Task, unwrap } from './outcome.ts';
import { run } from './run.ts';

export interface ScopeOptions extends TaskOptions {
  /** How long each clean-up may take, in milliseconds. Default 30 s. */
  readonly cleanupMs?: number | undefined;
}

/** A task that a scope waits for. It is no promise, as nobody else has to wait for it. */
export interface Spawned<T> {
  /** The task's own outcome; never rejects. */
  readonly ended: Promise<Outcome<T>>;
  /**
   * Stops this task alone, which is no failure of the scope.
   *
   * @returns true only to the call that made the request
   */
  cancel(reason?: CancelReason, details?: CancelDetails): boolean;
}

/** What the body of a {@link scope} works with. Its functions may be taken out of it. */
export interface Scope {
  /** Cancelled when a task of the scope fails, when the scope is cancelled, and with the token it was given. */
  readonly token: CancellationToken;
  /**
   * Starts a task that the scope waits for; its failure is the scope's. It may be called as long as the scope has not
   * ended, by its tasks too. Under a cancelled scope the task is not started.
   *
   * @throws Error when the scope has ended
   */
  spawn<T>(task: Task<T>): Spawned<T>;
  /**
   * Registers a clean-up for the end of the scope. Clean-ups run after all tasks have ended, the newest first, each to
   * its end before the next one begins; one that fails keeps none from running, and its error is the scope's.
   *
   * @param cleanup gets a token that only its time limit cancels
   * @throws Error when the scope has ended
   */
  defer(cleanup: Task<unknown>): void;
  /**
   * Stops all tasks of the scope, which then ends as if they had been done: a stop that is asked for inside is no stop to
   * the outside. A body that was stopped by it yields undefined.
   *
   * @returns true only to the call that made the request
   */
  cancel(reason?: CancelReason, details?: CancelDetails): boolean;
}

/**
 * Runs a body that may start further tasks, and ends when the body and all of them have ended and been cleaned up after.
 *
 * The first task or body that fails or stops cancels the others and decides how the promise rejects: with the error, or
 * the CancellationError. Errors that come later are kept: several reject as an AggregateError, and those that come after
 * a stop are its `cause`. Nothing the scope started outlives it; `graceMs` limits the wait for tasks that ignore their
 * token, and those are then among its errors.
 *
 * Cancellation: a cancel of the token beats a value and an error that were there before. A token that is already
 * cancelled starts nothing.
 *
 * Follows trio's nursery and structured stop propagation's.
 *
 * @throws TypeError or RangeError for bad arguments, before anything begins
 *
 * @example
 * await scope(async ({ spawn, defer, token }) => {
 *   const connection = await connect(token);
 *   defer((cleanup) => connection.close(cleanup));
 *   for (const job of jobs) spawn((token) => work(connection, job, token));
 * }, { token });
 */
export function scope<T>(body: (scope: Scope) => Promise<T> | T, options?: ScopeOptions): Promise<T> {
  checkFunction('body', body);
  return new Nursery<T>(options).run(body);
}

/** Long enough for a slow disk or a distant peer, and still an end. */
const CLEANUP_MS = 30_000;

class Nursery<T> extends Group<T> {
  readonly #cleanupMs: number;
  readonly #cleanups: Task<unknown>[] = [];
  #state: 'running' | 'unwinding' | 'ended' = 'running';
  #spawned = 0;
  #value: T | undefined;
  /** The scope was cancelled from inside, or some of its tasks were: their stops are no news to the outside. */
  #stopping = false;
  readonly #alone = new Set<number>();

  constructor(options: ScopeOptions | undefined) {
    const { cleanupMs = CLEANUP_MS } = options ?? {};
    checkLimit('cleanupMs', cleanupMs);
    super(options);
    this.#cleanupMs = cleanupMs;
  }

  run(body: (scope: Scope) => Promise<T> | T): Promise<T> {
    const inside: Scope = {
      token: this.source.token,
      spawn: (task) => this.#spawn(task),
      defer: (cleanup) => this.#defer(cleanup),
      cancel: (reason, details) => this.#cancel(reason, details),
    };
    return this.startAll([() => body(inside)]).then(unwrap);
  }

  #spawn<U>(task: Task<U>): Spawned<U> {
    checkTask('task', task);
    if (this.#state !== 'running') throw new Error(`${ENDED}; spawn as long as one of them runs.`);
    const index = ++this.#spawned;
    this.enter(index);
    const running = run(task, { token: this.source.token });
    const ended = running.then((outcome) => {
      this.leave(index, outcome);
      return outcome;
    });
    const cancel: Spawned<U>['cancel'] = (reason, details) => {
      const made = running.cancel(reason, details);
      if (made) this.#alone.add(index);
      return made;
    };
    return { ended, cancel };
  }

  #defer(cleanup: Task<unknown>): void {
    checkTask('cleanup', cleanup);
    if (this.#state === 'ended') throw new Error(`${ENDED}; its clean-up is done.`);
    this.#cleanups.push(cleanup);
  }

  #cancel(reason?: CancelReason, details?: CancelDetails): boolean {
    const made = this.source.cancel(reason, details);
    this.#stopping ||= made;
    return made;
  }

  protected left(index: number, outcome: Outcome<unknown>): void {
    const inside = this.#alone.delete(index) || this.#stopping;
    if (outcome.kind === 'value') {
      if (index === 0) this.#value = outcome.value as T;
    } else if (outcome.kind === 'stopped' && inside) for (const error of outcome.suppressed ?? []) this.#fail(error);
    else this.decide(outcome, `another task of the scope ${outcome.kind === 'error' ? 'failed' : 'stopped'}`);
  }

  protected override abandoned(error: AbandonedError): void {
    this.#fail(error);
  }

  #fail(error: unknown): void {
    this.decide({ kind: 'error', error }, 'the scope failed');
  }

  protected override drained(): void {
    this.#state = 'unwinding';
    void this.#unwind();
  }

  async #unwind(): Promise<void> {
    for (let cleanup = this.#cleanups.pop(); cleanup !== undefined; cleanup = this.#cleanups.pop()) {
      const limits = { token: CancellationToken.none, timeout: this.#cleanupMs, graceMs: 0 };
      const outcome = await run(cleanup, limits);
      if (outcome.kind === 'error') this.#fail(outcome.error);
      // No stop, not to the outside: what should have been done was not.
      if (outcome.kind === 'stopped') this.#fail(new Error(UNCLEAN, { cause: outcome.error }));
    }
    this.#state = 'ended';
    this.end();
  }

  protected conclude(): Outcome<T> {
    return { kind: 'value', value: this.#value as T };
  }
}

const ENDED = 'Expected the scope to be running, but its body and all its tasks have ended';
const UNCLEAN = 'A clean-up of the scope was stopped before its end.';
