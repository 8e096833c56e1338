// Between a token and abort-controller-x, which knows an abort by a signal, and an abort's error by its name.
//
// Invariants
// 1. A signal of ours is never aborted while the function that gets it is being called: some of its functions call back
//    before they listen, and would miss the abort and wait for ever.
// 2. A signal of ours is aborted with an error whose name is AbortError, and what is called back rejects with such a one
//    when it stops: any other name is a failure to those functions, which they retry, prefer to a result or leave unhandled.
// 3. What comes out is the token's own error.
import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  expected,
  isCancellation,
  toToken,
} from '../core/index.ts';

/** A stop under the one name by which an abort is known there. */
class Echo extends Error {
  constructor(stop: unknown) {
    super('The operation was aborted', { cause: stop });
    this.name = 'AbortError';
  }
}

function isAbort(error: unknown): boolean {
  return (error as Error | null | undefined)?.name === 'AbortError';
}

function echoed(stop: unknown): unknown {
  return isAbort(stop) ? stop : new Echo(stop);
}

/** Calls a function of a signal, and waits for its end. */
export function under<T>(
  cancellable: Cancellable,
  call: (signal: AbortSignal, token: CancellationToken) => PromiseLike<T>,
): Promise<T> {
  const token = toToken('token', cancellable);
  return token.cancelled ? Promise.reject(token.error) : called(token, call);
}

async function called<T>(
  token: CancellationToken,
  call: (signal: AbortSignal, token: CancellationToken) => PromiseLike<T>,
): Promise<T> {
  const controller = new AbortController();
  let calling = true;
  const abort = (): void => {
    if (token.cancelled && !calling) controller.abort(echoed(token.error));
  };
  const registration = token.onCancel({ onCancelled: abort });
  try {
    const result = call(controller.signal, token);
    calling = false;
    abort();
    return await result;
  } catch (error) {
    throw revealed(error, token);
  } finally {
    registration.unregister();
  }
}

/** The error that is behind what came out of there. */
export function revealed(error: unknown, token: CancellationToken): unknown {
  if (token.cancelled && isAbort(error)) return token.error;
  return error instanceof Echo ? error.cause : error;
}

/**
 * A source for what is called back from there: cancelled by the signal it came with and, without a detour that could lose
 * the reason, by the outer token.
 */
export function sourceOf(outer: CancellationToken, signal: AbortSignal): CancellationSource {
  return new CancellationSource({ parent: [outer, signal] });
}

/**
 * Calls back with such a token; what is thrown at once is a rejection, too.
 *
 * @param disguise makes of an error what is understood there
 */
export async function inside<T>(
  outer: CancellationToken,
  signal: AbortSignal,
  fn: (token: CancellationToken) => PromiseLike<T> | T,
  disguise: (error: unknown, token: CancellationToken) => unknown = disguised,
): Promise<T> {
  const source = sourceOf(outer, signal);
  try {
    return await fn(source.token);
  } catch (error) {
    throw disguise(error, source.token);
  } finally {
    source.close();
  }
}

/** The error that is understood there: a stop as an abort, an error as it is. */
export function disguised(error: unknown, token: CancellationToken): unknown {
  const stop = stopOf(error, token);
  return stop === undefined ? error : echoed(stop);
}

/** A cancel of ours; or this token's, when its error or the reason of the signal that began it is, or caused, the error. */
function stopOf(error: unknown, token: CancellationToken): unknown {
  if (isCancellation(error)) return error;
  const own = token.error;
  const behind = own !== undefined && (error as Error | null | undefined)?.cause === own;
  return behind || (error !== undefined && error === own?.cause) ? own : undefined;
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(expected(name, 'a function', value));
}
