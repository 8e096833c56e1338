import { Group } from './group.ts';
import { checkTasks, type TaskOptions } from './options.ts';
import type { Outcome, Task } from './outcome.ts';

/** What a list of tasks yields, place by place. */
export type Values<Tasks extends readonly Task<unknown>[]> = {
  -readonly [Place in keyof Tasks]: Awaited<ReturnType<Tasks[Place]>>;
};

/**
 * Starts all tasks, in order, and ends when all have ended: with their values, or else as the first of them ended that
 * failed or stopped. That first one cancels the others; `graceMs` limits the wait for them.
 *
 * A cancel of the token beats everything. Errors after the first are kept in the outcome's `suppressed`. A token that is
 * already cancelled starts nothing. No tasks: no values, at once.
 *
 * Follows structured stop propagation's `wait_all`; unlike stdexec's `when_all`, an error does not override a stop that
 * came first.
 *
 * @param tasks they share a token
 * @throws TypeError or RangeError for bad arguments, before anything begins
 *
 * @example
 * const outcome = await waitAll([(token) => user(id, token), (token) => orders(id, token)], { token });
 * if (outcome.kind === 'value') render(...outcome.value);
 */
export function waitAll<const Tasks extends readonly Task<unknown>[]>(
  tasks: Tasks,
  options?: TaskOptions,
): Promise<Outcome<Values<Tasks>>> {
  checkTasks(tasks);
  return new All<Values<Tasks>>(options, tasks.length).startAll(tasks);
}

class All<V> extends Group<V> {
  readonly #values: unknown[];

  constructor(options: TaskOptions | undefined, count: number) {
    super(options);
    this.#values = new Array(count);
  }

  protected left(index: number, outcome: Outcome<unknown>): void {
    if (outcome.kind === 'value') this.#values[index] = outcome.value;
    else this.decide(outcome, outcome.kind === 'error' ? 'another task failed' : 'another task stopped');
  }

  protected conclude(): Outcome<V> {
    return { kind: 'value', value: this.#values as V };
  }
}
