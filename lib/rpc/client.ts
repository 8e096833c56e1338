import type { CancelDetails, CancellationToken, CancelReason } from '../core/index.ts';
import { checkAtLeast } from './at-least.ts';
import { bodyLimit } from './body.ts';
import { type CallOptions, type CallSettings, checkTimeout, type HeadersLike, settle } from './call-options.ts';
import type { Callee } from './callee.ts';
import { ClientCall } from './client-call.ts';
import {
  type Method,
  type Methods,
  methodPath,
  type RequestToSend,
  type ResponseReceived,
  type Service,
} from './contract.ts';
import { type Fetch, fetchTransport } from './fetch-transport.ts';
import type { Interceptor } from './interceptor.ts';
import { Responses } from './responses.ts';
import type { Transport } from './transport.ts';

/** What a caller holds of a call under way, beside its outcome. */
interface Handle {
  /** The call's own token: a child of the one in the options, with the call's deadline. */
  readonly token: CancellationToken;
  /**
   * Tells the peer, then stops here. The description ends up in the error's message and never on the wire.
   *
   * @returns true only to the call that made the request; false once the call is over
   */
  cancel(reason?: CancelReason, details?: CancelDetails): boolean;
}

/** A call under way, for whoever wants to cancel it without a source of their own. */
export interface Call<T> extends Handle {
  /** The answer, as `client.method()` gives it. Left alone, its rejection is no unhandled one. */
  readonly response: Promise<T>;
}

/** As {@link Call}, with a stream of responses. */
export interface StreamedCall<T> extends Handle {
  /** Nothing is sent until the first one is asked for. */
  readonly responses: AsyncIterableIterator<T>;
}

/** What a method of a client is called with. */
type Request<M extends Method> = M['kind'] extends 'unary' | 'serverStream'
  ? RequestToSend<M>
  : AsyncIterable<RequestToSend<M>> | Iterable<RequestToSend<M>>;

/** What it returns. */
type Response<M extends Method> = M['kind'] extends 'unary' | 'clientStream'
  ? Promise<ResponseReceived<M>>
  : AsyncIterableIterator<ResponseReceived<M>>;

/** One method of a client. */
export interface ClientMethod<M extends Method> {
  /**
   * Sends the request, or requests, and gives the answer: a promise of it, or an AsyncIterable of the responses. Fails with an
   * RpcError.
   *
   * A cancel of the token goes out as RST_STREAM or an aborted fetch and then settles the promise, or ends the pending
   * `next()`, without waiting for the server or an interceptor; no response is handed out after it. The error's `cause` is the
   * token's own, so `reasonOf(error)` tells why. It does not undo what the server has done by then.
   *
   * A stream of responses begins when the first one is asked for, is read from the server no faster than it is consumed, and
   * is cancelled by leaving the loop. One that was cut off fails; only one that the server has ended ends.
   *
   * @throws TypeError or RangeError, synchronously, for options or a unary request that cannot be sent
   */
  (request: Request<M>, options?: CallOptions): Response<M>;
  /** As the call itself, with a handle on it. */
  start(
    request: Request<M>,
    options?: CallOptions,
  ): M['kind'] extends 'unary' | 'clientStream' ? Call<ResponseReceived<M>> : StreamedCall<ResponseReceived<M>>;
}

export type Client<M extends Methods> = { readonly [K in keyof M]: ClientMethod<M[K]> };

export interface ClientOptions<Name extends string = string> {
  /** Where the service is: `http://localhost:8080`, with a path when the server has a prefix. Calls go over `fetch`. */
  readonly baseUrl?: string | URL | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** In place of `baseUrl` and `fetch`; e.g. `http2Transport` of `nevermind/rpc/node`. */
  readonly transport?: Transport | undefined;
  /** Sent with each call. */
  readonly headers?: HeadersLike | undefined;
  /** Milliseconds that each call gets unless it says otherwise; default: as much as its token has. */
  readonly timeout?: number | undefined;
  /** The same for single methods, in place of `timeout`. */
  readonly timeouts?: { readonly [N in Name]?: number | undefined } | undefined;
  /** Wrap every call, the first one outermost; `retry` and `hedge` are two. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Ask idempotent methods by GET, so that caches may answer. The request is in the URL then, for every log to see. Default false. */
  readonly useGet?: boolean | undefined;
  /** Compress requests, or the messages of a stream, of so many bytes and more, with gzip; default: none. */
  readonly compressMinBytes?: number | undefined;
  /**
   * Larger messages of a stream are refused with `resource_exhausted`; default 4 MiB. The reason with which it ends may have 64 KiB in
   * any case. A transport limits other answers.
   */
  readonly maxMessageBytes?: number | undefined;
}

/**
 * Makes a client: one function for each method of the contract.
 *
 * It opens no connection until the first call. It holds nothing that would have to be closed; a transport may.
 *
 * @throws TypeError or RangeError for an option that makes no sense
 */
export function createClient<M extends Methods>(
  service: Service<M>,
  options: ClientOptions<Extract<keyof M, string>>,
): Client<M> {
  const transport = options.transport ?? fetchTransport(options);
  const { compressMinBytes = Number.POSITIVE_INFINITY, interceptors = [] } = options;
  checkAtLeast(0, 'compressMinBytes', compressMinBytes);
  // Of no prototype: a method may have a name that every object knows something by.
  const timeouts: Record<string, number | undefined> = Object.assign(Object.create(null), options.timeouts);
  const shared = {
    service: service.name,
    transport,
    interceptors: [...interceptors],
    compressMinBytes,
    maxMessageBytes: bodyLimit(options.maxMessageBytes, 'maxMessageBytes'),
  };
  const methods = Object.entries(service.methods).map(([name, method]) => {
    const timeout = timeouts[name] ?? options.timeout;
    checkTimeout(timeout);
    const get = options.useGet === true && method.idempotent;
    const callee = { ...shared, path: methodPath(service, name), name, method, get };
    return [name, methodOf(callee, settle({ timeout, headers: options.headers }, NO_DEFAULTS))];
  });
  return Object.freeze(Object.fromEntries(methods));
}

function methodOf(callee: Callee, defaults: CallSettings): unknown {
  const { kind } = callee.method;
  const streamed = kind === 'serverStream' || kind === 'bidi';
  const begin = (request: unknown, options: CallOptions | undefined, own: boolean) =>
    new ClientCall(callee, request, options === undefined ? defaults : settle(options, defaults), own);

  const start = (request: unknown, options?: CallOptions): unknown => {
    const call = begin(request, options, true);
    const { token } = call;
    const cancel = (reason?: CancelReason, details?: CancelDetails) => call.source?.cancel(reason, details) ?? false;
    if (streamed) return { responses: new Responses(call), token, cancel };
    const response = call.response();
    // Whoever cancels need not look at the answer as well.
    response.catch(() => {});
    return { response, token, cancel };
  };
  const call = (request: unknown, options?: CallOptions) =>
    streamed ? new Responses(begin(request, options, true)) : begin(request, options, false).response();
  return Object.assign(call, { start });
}

const NO_DEFAULTS = { token: undefined, timeout: undefined, headers: {} };

export type { CallOptions, HeadersLike } from './call-options.ts';
export type { Fetch } from './fetch-transport.ts';
export { fetchTransport } from './fetch-transport.ts';
export type { InterceptedCall, Interceptor } from './interceptor.ts';
export { type HedgeOptions, hedge, type RetryOptions, retry } from './retry.ts';
