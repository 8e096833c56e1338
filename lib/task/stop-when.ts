import { CancelReason } from '../core/index.ts';
import { Group } from './group.ts';
import { checkTask, type TaskOptions } from './options.ts';
import type { Optional, Outcome, Task } from './outcome.ts';

/**
 * Runs a task until something else happens: the outcome's value is `{ value }`, or undefined when the trigger's end, by a
 * value or a stop, stopped the task.
 *
 * A value that the task yields all the same wins over the trigger. The trigger's error is the outcome's, unless the task
 * had ended before. A cancel of the token beats everything, and a task that stops by itself is a stop. It waits until both
 * have ended; `graceMs` limits that.
 *
 * Follows structured stop propagation's `stop_when`.
 *
 * @param trigger starts after the task, and is cancelled when the task has ended
 * @throws TypeError or RangeError for bad arguments, before anything begins
 *
 * @example
 * const outcome = await stopWhen(tail, (token) => onceEvent(button, 'click', token), { token });
 */
export function stopWhen<T>(
  task: Task<T>,
  trigger: Task<unknown>,
  options?: TaskOptions,
): Promise<Outcome<Optional<T>>> {
  checkTask('task', task);
  checkTask('trigger', trigger);
  return new Until<T>(options).startAll([task, trigger]);
}

class Until<T> extends Group<Optional<T>> {
  #pulled = false;

  protected left(index: number, outcome: Outcome<unknown>): void {
    const ending = outcome as Outcome<T>;
    if (index === 0) {
      if (ending.kind === 'value') this.decide({ kind: 'value', value: { value: ending.value } }, 'the task has ended');
      else if (ending.kind === 'error' || !this.#pulled) this.decide(ending, 'the task has ended');
    } else if (ending.kind === 'error') this.decide(ending, 'the trigger failed');
    else {
      this.#pulled = true;
      this.source.cancel(CancelReason.CANCELLED, { description: 'the trigger has come' });
    }
  }

  /** Nothing but the trigger is left as the reason. */
  protected conclude(): Outcome<undefined> {
    return { kind: 'value', value: undefined };
  }
}
