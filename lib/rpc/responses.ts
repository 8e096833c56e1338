import type { ClientCall } from './client-call.ts';

/**
 * The responses of a call, which begins when the first one is asked for.
 *
 * To leave the loop cancels the call: the peer is told before `return()` does anything else, also while a `next()` is pending,
 * which then ends at once. An async generator by itself would wait for that first.
 */
export class Responses implements AsyncIterableIterator<unknown> {
  readonly #call: ClientCall;
  readonly #responses: AsyncGenerator<unknown>;

  constructor(call: ClientCall) {
    this.#call = call;
    this.#responses = call.responses();
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#responses.next();
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#call.source?.cancel('CANCELLED', { description: 'nobody reads the responses any more' });
    return this.#responses.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
