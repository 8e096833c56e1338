// What the functions of this room take, and how they refuse what they can't take: at the call, before anything begins.
import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  currentToken,
  expected,
  toToken,
} from '../core/index.ts';

/** What may end a task from outside. All times are in milliseconds. */
export interface TaskOptions {
  /** Whose cancel stops the task; default: the current token of `nevermind/ambient`, else none. */
  readonly token?: Cancellable | undefined;
  /** From now on; 0 or less: not even started; Infinity: none. */
  readonly timeout?: number | undefined;
  /** Absolute, on the monotonic clock of `clock.now()`; Infinity: none. */
  readonly deadline?: number | undefined;
  /** Shown by inspectors. */
  readonly name?: string | undefined;
  /**
   * How long a task that was cancelled may take to end; after that it is left running and an AbandonedError among the
   * outcome's `suppressed` tells of it. 0: one turn of the event loop. Default: as long as it takes.
   */
  readonly graceMs?: number | undefined;
}

export function checkTask(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(expected(name, 'a task, that is a function of a token', value));
}

/** A limit of ours: never negative, as a negative one is a slip in a sum rather than a wish. */
export function checkLimit(name: string, value: unknown): void {
  const what = 'a number of milliseconds, 0 or more';
  if (typeof value !== 'number') throw new TypeError(expected(name, what, value));
  if (!(value >= 0)) throw new RangeError(expected(name, what, value));
}

export function checkOptions(value: unknown): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(expected('options', 'an object', value));
}

export function checkTasks(value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(expected('tasks', 'an array of tasks', value));
  for (let i = 0; i < value.length; i++) checkTask(`tasks[${i}]`, value[i]);
}

/** Whether the options set a limit of their own, besides those of the token. */
export function isLimited(options: TaskOptions | undefined): boolean {
  const { timeout = Number.POSITIVE_INFINITY, deadline = Number.POSITIVE_INFINITY } = options ?? {};
  return Math.min(timeout, deadline) < Number.POSITIVE_INFINITY;
}

/** The token that may stop what begins now. */
export function tokenIn(options: TaskOptions | undefined): CancellationToken {
  if (options === undefined) return currentToken();
  checkOptions(options);
  const { token, graceMs } = options;
  if (graceMs !== undefined) checkLimit('graceMs', graceMs);
  return token === undefined ? currentToken() : toToken('token', token);
}

/** A source for what begins now, below the token and within the time that the options give. */
export function sourceIn(options: TaskOptions | undefined): CancellationSource {
  const parent = tokenIn(options);
  if (options === undefined) return new CancellationSource(parent);
  const { timeout, deadline, name } = options;
  if (timeout === undefined && deadline === undefined && name === undefined) return new CancellationSource(parent);
  return new CancellationSource({ parent, timeout, deadline, name });
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(expected(name, 'a function', value));
}
