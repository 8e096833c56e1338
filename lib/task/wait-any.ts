import { expected } from '../core/index.ts';
import { Group } from './group.ts';
import { checkTasks, type TaskOptions } from './options.ts';
import { type Outcome, stoppedBy, type Task } from './outcome.ts';

/** The task that ended first, by its place in the list, and its value. */
export interface Winner<T> {
  readonly index: number;
  readonly value: T;
}

/**
 * Starts all tasks, in order, and ends as the first of them ended: with its value and place, its error or its stop. It
 * cancels the others and waits until they have ended too; `graceMs` limits that wait.
 *
 * A cancel of the token beats a value that was there before. What a loser does late changes nothing: its value is
 * dropped, its error is kept in the outcome's `suppressed`. A token that is already cancelled starts nothing.
 *
 * Follows structured stop propagation's `wait_any`.
 *
 * @param tasks at least one; they share a token, which the first to end cancels
 * @throws TypeError or RangeError for bad arguments, an empty list among them, before anything begins
 *
 * @example
 * const outcome = await waitAny([(token) => ask(primary, token), (token) => ask(replica, token)], { token });
 */
export function waitAny<const Tasks extends readonly Task<unknown>[]>(
  tasks: Tasks,
  options?: TaskOptions,
): Promise<Outcome<Winner<Awaited<ReturnType<Tasks[number]>>>>> {
  checkTasks(tasks);
  if (tasks.length === 0)
    throw new TypeError(`${expected('tasks', 'one task or more', tasks)} Nothing could ever win.`);
  return new Any<Awaited<ReturnType<Tasks[number]>>>(options).startAll(tasks);
}

class Any<T> extends Group<Winner<T>> {
  protected left(index: number, outcome: Outcome<unknown>): void {
    const ending = outcome as Outcome<T>;
    const won = ending.kind === 'value';
    this.decide(won ? { kind: 'value', value: { index, value: ending.value } } : ending, 'another task ended first');
  }

  /** Never asked, as the first to end decides. */
  protected conclude(): Outcome<never> {
    return stoppedBy(this.outer);
  }
}
