import { clock, tellDeadline } from '../core/index.ts';
import { awaitLimit } from './awake.ts';
import { Group } from './group.ts';
import { checkLimit, checkTask, type TaskOptions } from './options.ts';
import type { Optional, Outcome, Task } from './outcome.ts';

/**
 * Gives a task so long: the outcome's value is `{ value }`, or undefined when the limit stopped the task.
 *
 * A value that arrives after the limit counts as a value, an error as an error. A cancel of the token beats everything,
 * and a task that stops by itself is a stop. The token tells the limit from the start; for a task that ends immediately no
 * timer is set. It waits until the task has ended; `graceMs` limits that. 0: the task is not started.
 *
 * Follows structured stop propagation's `wait_for`.
 *
 * @param ms milliseconds from now
 * @throws TypeError or RangeError for bad arguments, before anything begins
 */
export function waitFor<T>(task: Task<T>, ms: number, options?: TaskOptions): Promise<Outcome<Optional<T>>> {
  checkTask('task', task);
  checkLimit('ms', ms);
  return new Limited<T>(options, ms).go(task);
}

class Limited<T> extends Group<Optional<T>> {
  readonly #at: number;
  #letGo: (() => void) | undefined;
  #over = false;

  constructor(options: TaskOptions | undefined, ms: number) {
    super(options);
    this.#at = clock.now() + ms;
    this.#over = ms === 0;
  }

  go(task: Task<T>): Promise<Outcome<Optional<T>>> {
    if (this.#over) return this.startAll([]);
    // What the task calls at once is to know how long there is.
    tellDeadline(this.source, this.#at);
    void this.startAll([task]);
    // Behind the reaction to a promise that is settled already, so that what is done immediately sets no timer.
    if (!this.#over && this.#at < Number.POSITIVE_INFINITY) queueMicrotask(() => this.#arm());
    return this.ended;
  }

  #arm(): void {
    if (this.#over) return;
    this.source.cancelAfter(this.#at - clock.now());
    this.#letGo = awaitLimit(this.source.token);
  }

  protected left(_: number, outcome: Outcome<unknown>): void {
    const ending = outcome as Outcome<T>;
    if (ending.kind === 'value') this.decide({ kind: 'value', value: { value: ending.value } }, 'the task has ended');
    else if (ending.kind === 'error' || !this.source.token.cancelled) this.decide(ending, 'the task has ended');
  }

  /** Nothing but the limit is left as the reason. */
  protected conclude(): Outcome<undefined> {
    return { kind: 'value', value: undefined };
  }

  protected override drained(): void {
    this.#over = true;
    this.#letGo?.();
    this.end();
  }
}
