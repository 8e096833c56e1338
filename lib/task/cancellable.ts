// Wraps what exists and knows no token, so that it ends for its caller when the caller's token is cancelled.
import { type Cancellable, CancellationToken, expected, toToken } from '../core/index.ts';
import { called, type NodeStyle } from './callback.ts';
import { type OnLate, orAbandoned, orLeft } from './grace.ts';
import { type IterateOptions, isStreamed, iterate, type Streamed } from './iterate.ts';
import { checkFunction, checkLimit, checkOptions } from './options.ts';
import { type Outcome, type Task, unwrap } from './outcome.ts';
import { run } from './run.ts';

export interface LeaveOptions<T> {
  /** How long the work may take to end after the cancel, in milliseconds, before the caller gets the stop all the same. */
  readonly graceMs?: number | undefined;
  /** Gets the outcome that came after the caller got the stop, e.g. to cache it. What it throws is reported as uncaught. */
  readonly onLate?: OnLate<T> | undefined;
}

export interface CancellableOptions<T> extends LeaveOptions<T> {
  /**
   * Which argument, counted from 0, is the options object that takes a `signal`: it is added there, beside one that the
   * caller gave, and an AbortError after the cancel is the stop. The function is then waited for, unless `graceMs` says
   * how long. Default: the function hears of no cancel, and is not waited for.
   */
  readonly signalIn?: number | undefined;
}

export interface CallbackOptions<T> extends LeaveOptions<T> {
  /** The function takes a callback `(error, value) => void` last. */
  readonly callback: true;
  /** Cancels the work, given what the function returned; called at most once, and only before the callback was. */
  readonly cancel?: ((returned: unknown) => void) | undefined;
}

/**
 * Makes something cancellable that knows no token: a function of a token, whose promise rejects with the token's error
 * when that is cancelled, and which begins nothing under a token that is cancelled already.
 *
 * - an async function: see `signalIn`. Without it the work goes on after the cancel, its late outcome goes to `onLate`,
 *   and an error that nobody asked for by `onLate` is dropped;
 * - a function with a callback, as Node has them: `{ callback: true }`; `cancel` stops the work;
 * - a promise: the work was begun by somebody else, and only the wait for it ends;
 * - an async iterable or a web stream: see {@link iterate}.
 *
 * A value that comes after the cancel but before the caller got the stop is a value.
 *
 * @throws TypeError or RangeError for bad arguments
 *
 * @example
 * const readText = cancellable(readFile, { signalIn: 1 });
 * const text = await readText(token, 'big.txt', { encoding: 'utf8' });
 */
export function cancellable<A extends unknown[], T>(
  fn: NodeStyle<A, T>,
  options: CallbackOptions<T>,
): (token: Cancellable, ...args: A) => Promise<T>;
export function cancellable<A extends unknown[], T>(
  fn: (...args: A) => Promise<T>,
  options?: CancellableOptions<T>,
): (token: Cancellable, ...args: A) => Promise<T>;
export function cancellable<T>(promise: PromiseLike<T>, options?: LeaveOptions<T>): (token: Cancellable) => Promise<T>;
export function cancellable<T>(
  source: Streamed<T>,
  options?: IterateOptions,
): (token: Cancellable) => AsyncIterableIterator<T, undefined>;
export function cancellable(what: unknown, options: object = {}): (token: Cancellable, ...args: unknown[]) => unknown {
  checkOptions(options);
  if (isStreamed(what)) return (token) => iterate(what, token, options);
  const wrapped = options as Wrapped;
  check(what, wrapped);
  return (token, ...args) => {
    const own = toToken('token', token);
    const task = taskOf(what, wrapped, args);
    if (own.cancelled) {
      if (isPromise(what)) what.then(undefined, () => undefined); // Its failure is in our hands now, and of no interest.
      return Promise.reject(own.error);
    }
    const parent = parentOf(own, wrapped.signalIn, args);
    const isStop = wrapped.signalIn === undefined ? undefined : (error: unknown) => parent.cancelled && isAbort(error);
    return waited(run(task, { token: parent, isStop }), own, wrapped).then(unwrap);
  };
}

type Wrapped = CancellableOptions<unknown> & Partial<CallbackOptions<unknown>>;
type Args = readonly unknown[];

function check(what: unknown, { signalIn, cancel, graceMs, onLate }: Wrapped): void {
  const able = 'a function, a promise, an async iterable or a ReadableStream';
  if (typeof what !== 'function' && !isPromise(what)) throw new TypeError(expected('what', able, what));
  if (cancel !== undefined) checkFunction('cancel', cancel);
  if (onLate !== undefined) checkFunction('onLate', onLate);
  if (graceMs !== undefined) checkLimit('graceMs', graceMs);
  if (signalIn === undefined) return;
  const place = 'the place of an argument, 0 or more';
  if (typeof signalIn !== 'number') throw new TypeError(expected('signalIn', place, signalIn));
  if (!(Number.isInteger(signalIn) && signalIn >= 0)) throw new RangeError(expected('signalIn', place, signalIn));
}

function taskOf(what: unknown, { callback, cancel, signalIn }: Wrapped, args: Args): Task<unknown> {
  if (typeof what !== 'function') return () => what;
  if (callback) return (token) => called(what as NodeStyle<unknown[], unknown>, [...args], token, cancel);
  if (signalIn === undefined) return () => what(...args);
  return (token) => what(...withSignal(args, signalIn, token.signal));
}

function withSignal(args: Args, at: number, signal: AbortSignal): Args {
  const all = [...args];
  all[at] = { ...(args[at] as object | undefined), signal };
  return all;
}

/** What stops the call: the token, and a signal that the caller has put into the options himself. */
function parentOf(own: CancellationToken, signalIn: number | undefined, args: Args): CancellationToken {
  if (signalIn === undefined) return own;
  const options = args[signalIn];
  if (options === undefined) return own;
  if (typeof options !== 'object') throw new TypeError(expected(`argument ${signalIn}`, 'an object', options));
  const { signal } = (options ?? {}) as { signal?: AbortSignal | null };
  return signal === undefined || signal === null ? own : CancellationToken.any(own, signal);
}

function waited(
  ended: Promise<Outcome<unknown>>,
  own: CancellationToken,
  { graceMs, signalIn, onLate }: Wrapped,
): Promise<Outcome<unknown>> {
  if (graceMs !== undefined) return orAbandoned(ended, own, graceMs, onLate);
  return signalIn === undefined ? orLeft(ended, own, onLate) : ended;
}

function isAbort(error: unknown): boolean {
  return (error as Error | null | undefined)?.name === 'AbortError';
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function';
}
