import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  CancelReason,
  expected,
  runAsCurrent,
  toToken,
} from '../core/index.ts';
import { atMost } from './grace.ts';
import { leaf } from './leaf.ts';
import { checkLimit, checkOptions } from './options.ts';
import { stopOf } from './outcome.ts';

/** What comes piece by piece: an async iterable, e.g. an async generator or a stream of Node, or a web stream. */
export type Streamed<T> = AsyncIterable<T> | ReadableStream<T>;

/** What can be gone through only after a wait, as the stream of a response whose head has yet to come. */
type Promised<T> = Streamed<T> | PromiseLike<Streamed<T>>;

type Source<T> = Streamed<T> | ((token: CancellationToken) => Promised<T>);

export interface IterateOptions {
  /** How long leaving the loop waits for the source to clean up, in milliseconds. Default 1 s. */
  readonly returnMs?: number | undefined;
}

const RETURN_MS = 1000;

/**
 * Goes through an async iterable or a web stream under a token.
 *
 * Cancellation: a `next()` that waits rejects with the token's error at once, whatever the source is waiting for, and the
 * source is told to return without being waited for; a stream of Node is destroyed. Leaving the loop by `break`, `return` or
 * `throw` cancels too: the token that a factory was given, and the source, whose clean-up is then waited for, at most
 * `returnMs`; what is left of it after that goes on by itself. A stream that was given is ended, too, when none of it was read.
 *
 * @param source or a factory, which is called by the first `next()` with a token of this walk; what it promises is waited for
 * @throws TypeError or RangeError for bad arguments
 *
 * @example
 * for await (const chunk of iterate(response.body, token)) if (enough(chunk)) break;
 * for await (const chunk of iterate(({ signal }) => openai.responses.create(question, { signal }), token)) show(chunk);
 */
export function iterate<T>(source: Source<T>, token: Cancellable, options?: IterateOptions): AsyncIterableIterator<T> {
  if (options !== undefined) checkOptions(options);
  const { returnMs = RETURN_MS } = options ?? {};
  checkLimit('returnMs', returnMs);
  if (typeof source !== 'function' && !isStreamed(source)) throw new TypeError(expected('source', STREAMED, source));
  return new Walk(source, new CancellationSource(toToken('token', token)), returnMs);
}

const STREAMED = 'an async iterable, a ReadableStream, or a function that returns or promises one';

export function isStreamed(value: unknown): value is Streamed<unknown> {
  return typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || 'getReader' in value);
}

/** What iterables and streams have in common. */
interface Steps<T> {
  next(): Promise<IteratorResult<T, unknown>>;
  end(): PromiseLike<unknown> | undefined;
}

/** A stream's own iterator would wait for a pending read before it returns: hence the reader, and the `destroy`. */
function stepsOf<T>(source: Promised<T>, token: CancellationToken): Steps<T> {
  if (isPromise(source)) return stepsLater(source, token);
  if (!isStreamed(source)) throw new TypeError(expected('source', STREAMED, source));
  if ('getReader' in source) {
    const reader = source.getReader();
    const next = async (): Promise<IteratorResult<T, unknown>> => {
      const step = await reader.read();
      if (step.done) reader.releaseLock();
      return step;
    };
    return { next, end: () => reader.cancel(token.error).then(() => reader.releaseLock()) };
  }
  const iterator = source[Symbol.asyncIterator]();
  return { next: () => iterator.next(), end: () => endOf(source, iterator) };
}

function endOf(source: object, iterator: Partial<AsyncIterator<unknown>>): PromiseLike<unknown> | undefined {
  // Without the error: its 'error' would end a process that listens to nothing but this walk.
  if (isDestroyable(source)) source.destroy();
  return iterator.return?.();
}

/** Ends what is open already, though nobody has gone through it; what would open only now is left closed. */
function endUnread(source: Source<unknown>, token: CancellationToken): PromiseLike<unknown> | undefined {
  if ('getReader' in source) return source.cancel(token.error);
  // A generator is its own iterator; a factory has nothing to end.
  return endOf(source, source as Partial<AsyncIterator<unknown>>);
}

function stepsLater<T>(promised: PromiseLike<Streamed<T>>, token: CancellationToken): Steps<T> {
  const opened = Promise.resolve(promised).then((source) => stepsOf(source, token));
  return {
    next: () => opened.then((steps) => (token.cancelled ? DONE : steps.next())),
    // What opens after all is ended then; why it never did is told by the step that waits for it.
    end: () =>
      opened.then(
        (steps) => steps.end(),
        () => undefined,
      ),
  };
}

function isPromise<T>(value: Promised<T>): value is PromiseLike<Streamed<T>> {
  return typeof (value as Partial<PromiseLike<unknown>> | null)?.then === 'function';
}

/** Node's streams. */
function isDestroyable(value: object): value is { destroy(): unknown } {
  return typeof (value as { destroy?: unknown }).destroy === 'function';
}

class Walk<T> implements AsyncIterableIterator<T, undefined> {
  readonly #from: Source<T>;
  readonly #source: CancellationSource;
  readonly #returnMs: number;
  #steps: Steps<T> | undefined;
  #over = false;

  constructor(from: Source<T>, source: CancellationSource, returnMs: number) {
    this.#from = from;
    this.#source = source;
    this.#returnMs = returnMs;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#over) return DONE;
    const { token } = this.#source;
    try {
      const result = await leaf<IteratorResult<T, unknown>>(token, (resolve, reject) => {
        const step = (): Promise<IteratorResult<T, unknown>> => {
          const from = this.#from;
          this.#steps ??= stepsOf(typeof from === 'function' ? from(token) : from, token);
          return this.#steps.next();
        };
        Promise.resolve(runAsCurrent(token, step)).then(resolve, reject);
        return () => undefined;
      });
      if (!result.done) return result;
    } catch (error) {
      if (this.#over) return DONE;
      this.#over = true;
      // Nobody is left to hear how that goes.
      if (token.cancelled) this.#end().catch(() => undefined);
      this.#source.close();
      throw error;
    }
    this.#over = true;
    this.#source.close();
    return DONE;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#over) {
      this.#over = true;
      this.#source.cancel(CancelReason.CANCELLED, { description: 'the loop was left' });
      await atMost(this.#returnMs, this.#end());
    }
    return DONE;
  }

  /** Tells the source to return. What it says to a cancel of ours is no news. */
  async #end(): Promise<void> {
    const { token } = this.#source;
    try {
      await (this.#steps ? this.#steps.end() : endUnread(this.#from, token));
    } catch (error) {
      if (stopOf(error, token) === undefined) throw error;
    }
  }
}

const DONE = { done: true, value: undefined } as const;
