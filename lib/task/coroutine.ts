// A task whose stop skips its `catch` blocks: an async function hears of a stop as an exception, which any catch on the
// way may swallow; a generator can be left, and then only its `finally` blocks run.
import { type CancellationToken, expected } from '../core/index.ts';
import { checkFunction } from './options.ts';
import { stopOf, type Task } from './outcome.ts';

/** What runs a {@link coroutine}: it yields what it waits for. */
export type Routine<T> = Generator<unknown, T, unknown>;

/**
 * A task from a generator function, which waits by `yield` for a promise, or by `yield* waitOn(promise)` to have its type.
 *
 * Cancellation: when what it waits for stops, the generator is left as by `return`: `finally` blocks run and may wait in
 * their turn, `catch` blocks do not run. So a coroutine that waits for another is left after that one, and a whole chain
 * from its end. It is not left before what it waits for has ended; a value that arrives after the cancel is a value, and
 * it goes on. Errors are thrown into it and may be caught.
 *
 * Wait for another coroutine by `waitOn(other(token))`. A generator that is delegated to by `yield*` itself must not wait
 * in its `finally`: the language would not leave the outer one, but go on in it.
 *
 * @param body gets the token
 * @throws TypeError for what is no function; its task rejects with one for an async generator
 *
 * @example
 * const task = coroutine(function* (token) {
 *   const file = yield* waitOn(open(path));
 *   try {
 *     return yield* waitOn(parse(file, token));
 *   } finally {
 *     yield file.close();
 *   }
 * });
 */
export function coroutine<T>(body: (token: CancellationToken) => Routine<T>): Task<T> {
  checkFunction('body', body);
  return async (token) => {
    token.throwIfCancelled();
    const routine = body(token);
    // An async one answers with promises, none of which is ever done.
    if (Symbol.asyncIterator in routine) throw new TypeError(expected('body', 'a sync generator function', body));
    let stop: unknown;
    let step = routine.next();
    while (!step.done) {
      let resume: () => IteratorResult<unknown, T>;
      try {
        const value = await step.value;
        resume = () => routine.next(value);
      } catch (error) {
        const stopped = stopOf(error, token);
        stop ??= stopped;
        resume = stopped === undefined ? () => routine.throw(error) : () => routine.return(LEFT as T);
      }
      step = resume();
    }
    if (step.value === LEFT) throw stop;
    return step.value;
  };
}

/** Comes back from a generator that was left, unless its `finally` returned something else: that swallows the stop. */
const LEFT: unknown = Symbol('left');

/** Waits inside a {@link coroutine}, with the type of what it waits for: `const value = yield* waitOn(promise)`. */
export function* waitOn<T>(promise: PromiseLike<T> | T): Routine<T> {
  return (yield promise) as T;
}
