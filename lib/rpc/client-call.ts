/**
 * One call of a client, from its options to its outcome, through the interceptors.
 *
 * 1. Under a token that is cancelled, or a deadline that has passed, nothing is sent.
 * 2. All that belongs to the call ends with its token: a deadline holds for all attempts together, and for interceptors that do
 *    not look at it.
 */
import { CancellationSource, type CancellationToken, currentToken, isCancellation, toToken } from '../core/index.ts';
import { stoppedError } from './attempt.ts';
import { type CallSettings, plainHeaders } from './call-options.ts';
import type { Callee } from './callee.ts';
import { encodeJson } from './codec.ts';
import { type InterceptedCall, intercept } from './interceptor.ts';
import { eachOrStopped, orStopped } from './or-stopped.ts';
import { StreamAttempt } from './stream-attempt.ts';
import { UnaryAttempt } from './unary-attempt.ts';

export class ClientCall {
  readonly token: CancellationToken;
  /** The call's own; undefined when the token that was given serves, as there is no timeout and no handle to cancel by. */
  readonly source: CancellationSource | undefined;
  readonly #callee: Callee;
  readonly #request: unknown;
  /** The request of a unary call; made at once, so that one that can't be sent is refused where it is given. */
  readonly #json: string;
  readonly #headers: Record<string, string>;

  /** @param own asks for a source even where there is no timeout */
  constructor(callee: Callee, request: unknown, settings: CallSettings, own: boolean) {
    this.#callee = callee;
    this.#request = request;
    this.#json = callee.method.kind === 'unary' ? encodeJson(request, 'request') : '';
    this.#headers = settings.headers;
    const parent = settings.token === undefined ? currentToken() : toToken('token', settings.token);
    const { timeout } = settings;
    this.source = own || timeout !== undefined ? new CancellationSource({ parent, timeout }) : undefined;
    this.token = this.source?.token ?? parent;
  }

  /** The one response; rejects with an RpcError. */
  response(): Promise<unknown> {
    // Nothing of the call is left to see to.
    if (this.source === undefined && this.#callee.interceptors.length === 0) return this.#send() as Promise<unknown>;
    return this.#ownResponse();
  }

  async #ownResponse(): Promise<unknown> {
    try {
      return await this.#send();
    } catch (error) {
      throw this.#told(error);
    } finally {
      this.source?.close();
    }
  }

  /** The responses, from the moment that somebody asks for the first one; fails with an RpcError. */
  async *responses(): AsyncGenerator<unknown> {
    try {
      const responses = (await this.#send()) as AsyncIterable<unknown>;
      yield* this.#callee.interceptors.length === 0 ? responses : eachOrStopped(this.token, responses);
    } catch (error) {
      throw this.#told(error);
    } finally {
      this.source?.close();
    }
  }

  /** An interceptor is stopped with the token's own error. */
  #told(error: unknown): unknown {
    return isCancellation(error) ? stoppedError(this.#callee.path, error) : error;
  }

  #send(): unknown {
    const { interceptors, method, name, service } = this.#callee;
    if (interceptors.length === 0) return this.#attempt(this.#json, this.#request, this.token, this.#headers);
    const { kind, idempotent } = method;
    const headers = new Headers(this.#headers);
    const call = { service, method: name, kind, idempotent, token: this.token, headers, request: this.#request };
    return orStopped(
      this.token,
      intercept(interceptors, call, (call) => this.#intercepted(call)),
    );
  }

  #intercepted({ headers, request, token }: InterceptedCall): unknown {
    const json = this.#callee.method.kind === 'unary' ? encodeJson(request, 'request') : '';
    return this.#attempt(json, request, token, plainHeaders(headers));
  }

  #attempt(json: string, request: unknown, token: CancellationToken, headers: Record<string, string>): unknown {
    const callee = this.#callee;
    const { kind } = callee.method;
    if (kind === 'unary') return new UnaryAttempt(callee, json, token, headers).run();
    const attempt = new StreamAttempt(callee, request, token, headers);
    return kind === 'clientStream' ? attempt.response() : attempt.responses();
  }
}
