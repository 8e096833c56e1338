import { expected } from '../core/index.ts';
import { RpcError } from './error.ts';

/**
 * The requests of a call, each one sealed when it is asked for.
 *
 * 1. Whoever makes them hears at once that no more are wanted, also while one is awaited, and exactly once; not at all where
 *    they have ended or failed by themselves. An async generator in between would keep `return()` until that one has come.
 * 2. What they fail with is this call's failure, whatever it has been before: see {@link ownFailure}.
 */
export class Requests implements AsyncIterableIterator<Uint8Array> {
  /** No more will come. */
  over = false;
  readonly #source: AsyncIterator<unknown> | Iterator<unknown>;
  readonly #seal: (request: unknown) => Uint8Array | Promise<Uint8Array>;

  /** @throws TypeError for requests that are not iterable */
  constructor(requests: unknown, seal: (request: unknown) => Uint8Array | Promise<Uint8Array>) {
    const given = requests as { [Symbol.asyncIterator]?: Make; [Symbol.iterator]?: Make } | null | undefined;
    const make = given?.[Symbol.asyncIterator] ?? given?.[Symbol.iterator];
    if (typeof make !== 'function') throw new TypeError(expected('request', 'an iterable', requests));
    this.#source = make.call(given);
    this.#seal = seal;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const { done, value } = await this.#ask();
    this.over ||= done === true;
    if (this.over) return END;
    try {
      return { done: false, value: await this.#seal(await value) };
    } catch (error) {
      void this.return();
      throw ownFailure(error);
    }
  }

  /** Never fails, and waits for nothing: the requests may wait for something that never comes. */
  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.over) (async () => this.#source.return?.())().catch(() => {});
    this.over = true;
    return Promise.resolve(END);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #ask(): Promise<IteratorResult<unknown>> {
    if (this.over) return END;
    try {
      return await this.#source.next();
    } catch (error) {
      this.over = true;
      throw ownFailure(error);
    }
  }
}

type Make = () => AsyncIterator<unknown> | Iterator<unknown>;

const END = { done: true, value: undefined } as const;

/** Requests that come from another call may fail with its error: what its peer has said, or never seen, is nothing of ours. */
function ownFailure(error: unknown): unknown {
  if (!(error instanceof RpcError && (error.neverProcessed || error.remote))) return error;
  const { code, details, message, reason } = error;
  return new RpcError(code, message, { details, reason, cause: error });
}
