import type { CancelDetails, CancellationToken, CancelReason } from '../core/index.ts';
import { type CallOptions, checkTimeout, type HeadersLike, settle } from './call-options.ts';
import { type Callee, ClientCall } from './client-call.ts';
import { encodeJson } from './codec.ts';
import {
  type Method,
  type Methods,
  methodPath,
  type RequestToSend,
  type ResponseReceived,
  type Service,
} from './contract.ts';
import { type Fetch, fetchTransport } from './fetch-transport.ts';
import type { Transport } from './transport.ts';

/** A call under way, for whoever wants to cancel it without a source of their own. */
export interface Call<T> {
  /** The answer, as `client.method()` gives it. Left alone, its rejection is no unhandled one. */
  readonly response: Promise<T>;
  /** The call's own token: a child of the one in the options, with the call's deadline. */
  readonly token: CancellationToken;
  /**
   * Tells the peer, then stops here. The description ends up in the error's message and never on the wire.
   *
   * @returns true only to the call that made the request; false once the call is over
   */
  cancel(reason?: CancelReason, details?: CancelDetails): boolean;
}

/** One method of a client. */
export interface ClientMethod<M extends Method> {
  /**
   * Sends the request and resolves with the answer, or rejects with an RpcError.
   *
   * A cancel of the token goes out as RST_STREAM or an aborted fetch and then settles the promise, without waiting for
   * the server; the error's `cause` is the token's own, so `reasonOf(error)` tells why. It does not undo what the server
   * has done by then.
   *
   * @throws TypeError or RangeError, synchronously, for options or a request that cannot be sent
   */
  (request: RequestToSend<M>, options?: CallOptions): Promise<ResponseReceived<M>>;
  /** As the call itself, with a handle on it. */
  start(request: RequestToSend<M>, options?: CallOptions): Call<ResponseReceived<M>>;
}

export type Client<M extends Methods> = { readonly [K in keyof M]: ClientMethod<M[K]> };

export interface ClientOptions {
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
}

/**
 * Makes a client: one function for each method of the contract.
 *
 * It opens no connection until the first call. It holds nothing that would have to be closed; a transport may.
 *
 * @throws TypeError or RangeError for an option that makes no sense
 */
export function createClient<M extends Methods>(service: Service<M>, options: ClientOptions): Client<M> {
  const transport = options.transport ?? fetchTransport(options);
  checkTimeout(options.timeout);
  const defaults = settle({ timeout: options.timeout, headers: options.headers }, NO_DEFAULTS);
  const methods = Object.entries(service.methods).map(([name, { output }]) => {
    const callee: Callee = { path: methodPath(service, name), output, transport };
    const begin = (request: unknown, options: CallOptions | undefined, own: boolean) =>
      new ClientCall(
        callee,
        encodeJson(request, 'request'),
        options === undefined ? defaults : settle(options, defaults),
        own,
      );

    const start = (request: unknown, options?: CallOptions): Call<unknown> => {
      const call = begin(request, options, true);
      const response = call.run();
      // Whoever cancels need not look at the answer as well.
      response.catch(() => {});
      return {
        response,
        token: call.token,
        cancel: (reason, details) => call.source?.cancel(reason, details) ?? false,
      };
    };
    return [
      name,
      Object.assign((request: unknown, options?: CallOptions) => begin(request, options, false).run(), { start }),
    ];
  });
  return Object.freeze(Object.fromEntries(methods));
}

const NO_DEFAULTS = { token: undefined, timeout: undefined, headers: {} };

export type { CallOptions, HeadersLike } from './call-options.ts';
export type { Fetch } from './fetch-transport.ts';
export { fetchTransport } from './fetch-transport.ts';
