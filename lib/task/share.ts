import { type Cancellable, CancellationSource, type CancellationToken, toToken } from '../core/index.ts';
import { checkLimit, checkTask } from './options.ts';
import { keptOf, type Outcome, stoppedBy, suppressing, type Task, unwrap } from './outcome.ts';
import { run } from './run.ts';

export interface ShareOptions {
  /** How long the last one to leave waits for the task to end, in milliseconds. Default: as long as it takes. */
  readonly graceMs?: number | undefined;
  /** Shown by inspectors. */
  readonly name?: string | undefined;
}

/**
 * Makes a task of which there is one run at a time, however many call it: who calls while it runs gets its result too.
 * A result is not kept: the next call after the end runs the task again.
 *
 * Cancellation: who is cancelled leaves, and rejects at once while the task goes on for the others. The last one to leave
 * cancels the task, with its own reason, and rejects when the task has ended; a new caller meanwhile begins a new run.
 * The task's token has no deadline, as it may outlive each caller's.
 *
 * @throws TypeError or RangeError for bad arguments
 *
 * @example
 * const rates = share((token) => fetchRates(token));
 * const [a, b] = await Promise.all([rates(first.token), rates(second.token)]); // One fetch.
 */
export function share<T>(task: Task<T>, options?: ShareOptions): (token: Cancellable) => Promise<T> {
  checkTask('task', task);
  if (options?.graceMs !== undefined) checkLimit('graceMs', options.graceMs);
  let shared: Shared<T> | undefined;
  return (token) => {
    const own = toToken('token', token);
    if (own.cancelled) return Promise.reject(own.error);
    if (shared === undefined || shared.over) {
      // In place before the task begins, so that a task that asks for itself waits for itself instead of recursing.
      shared = new Shared();
      shared.start(task, options);
    }
    return shared.join(own);
  };
}

/** One run of the task, and those who wait for it. */
class Shared<T> {
  readonly #source = new CancellationSource();
  readonly #ended: Promise<Outcome<T>>;
  #tell!: (outcome: Promise<Outcome<T>>) => void;
  #interested = 0;
  #done = false;

  constructor() {
    this.#ended = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  /** Whoever comes now comes too late. */
  get over(): boolean {
    return this.#done || this.#source.token.cancelled;
  }

  start(task: Task<T>, options: ShareOptions | undefined): void {
    const running = run(task, { ...options, token: this.#source.token });
    this.#tell(running);
    void running.then(() => {
      this.#done = true;
    });
  }

  join(own: CancellationToken): Promise<T> {
    this.#interested++;
    const ended = new Promise<Outcome<T>>((settle) => {
      const registration = own.onCancel({
        onCancelled: () => settle(this.#leave(own)),
      });
      void this.#ended.then((outcome) => {
        // After the leaving this settles nothing.
        registration.unregister();
        settle(outcome);
      });
    });
    return ended.then(unwrap);
  }

  #leave(own: CancellationToken): Outcome<T> | Promise<Outcome<T>> {
    const stopped = stoppedBy(own);
    if (--this.#interested > 0) return stopped;
    this.#source.cancel(own.reason, { description: 'nobody waits for it any more', cause: own.error });
    return this.#ended.then((outcome) => suppressing(stopped, keptOf(outcome)));
  }
}
