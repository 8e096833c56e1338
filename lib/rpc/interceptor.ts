import type { CancellationToken } from '../core/index.ts';
import type { Kind } from './contract.ts';

/** A call on its way, as an interceptor sees it. */
export interface InterceptedCall {
  readonly service: string;
  readonly method: string;
  readonly kind: Kind;
  readonly idempotent: boolean;
  /** Another one handed on, such as a child with a limit of its own, is the one that the rest of the call runs under. */
  readonly token: CancellationToken;
  /** In a client those to be sent, which may be changed; on a server those that came, which the implementation is handed. */
  readonly headers: Headers;
  /** The request; for `clientStream` and `bidi` an AsyncIterable of them. */
  readonly request: unknown;
}

/**
 * Wraps calls, of a client or of a server. It may look at a call, hand on another one, hand it on more than once (in a client)
 * or not at all, and do the same with what comes back.
 *
 * @param next goes on: to the next interceptor, at the end to the server or to the implementation, which is not started under a
 *   token that is cancelled by then
 * @returns the response; for `serverStream` and `bidi` an AsyncIterable of them
 */
export type Interceptor = (
  call: InterceptedCall,
  next: (call: InterceptedCall) => Promise<unknown>,
) => Promise<unknown> | unknown;

/** Runs a call through `interceptors`, the first one outermost, to `last`. */
export function intercept(
  interceptors: readonly Interceptor[],
  call: InterceptedCall,
  last: (call: InterceptedCall) => unknown,
): Promise<unknown> {
  const from = async (at: number, call: InterceptedCall): Promise<unknown> => {
    const interceptor = interceptors[at];
    return interceptor === undefined ? await last(call) : await interceptor(call, (call) => from(at + 1, call));
  };
  return from(0, call);
}
