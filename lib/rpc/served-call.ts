/**
 * One call on the server, from its headers to its answer, whatever its kind.
 *
 * 1. It is answered once, or not at all where the caller has gone; `over` is set by whoever answers or finds that out.
 * 2. The implementation is never started under a cancelled token, nor before the request is known to be good.
 * 3. What the implementation does when the call is over never reaches the wire; `onAbandoned` gets it.
 * 4. Everything of the implementation runs with the token that it was given as the current one: the call's, or what the
 *    interceptors have made of that.
 */
import {
  type CancellationToken,
  type CancelReason,
  clock,
  type Registration,
  reasonOf,
  runAsCurrent,
  type Source,
  toToken,
} from '../core/index.ts';
import { type Exchange, isAnswered } from '../wire/index.ts';
import { legible } from './answer.ts';
import { ServerContext } from './context.ts';
import { RpcError } from './error.ts';
import { type InterceptedCall, intercept } from './interceptor.ts';
import type { Route } from './router.ts';
import type { Abandoned, HandlerSettings } from './settings.ts';

export abstract class ServedCall {
  protected readonly route: Route;
  protected readonly exchange: Exchange;
  protected readonly settings: HandlerSettings;
  protected readonly token: CancellationToken;
  /** What the implementation was given in its place. */
  protected given: CancellationToken;
  /** The call's own deadline; undefined when it has none, and the request's token serves. */
  readonly #source: Source<CancellationToken> | undefined;
  #registration: Registration | undefined;
  /** The request has come whole, and the interceptors were called. */
  #started = false;
  #over = false;
  /** When the token was cancelled, on the monotonic clock. */
  #cancelledAt = 0;

  /** @param timeout milliseconds that the caller gives; Infinity: none */
  constructor(route: Route, exchange: Exchange, timeout: number, settings: HandlerSettings) {
    this.route = route;
    this.exchange = exchange;
    this.settings = settings;
    const allowed = Math.min(timeout, settings.maxTimeoutMs);
    this.#source = allowed === Number.POSITIVE_INFINITY ? undefined : exchange.token.child({ timeout: allowed });
    this.token = this.#source?.token ?? exchange.token;
    this.given = this.token;
  }

  protected get over(): boolean {
    return this.#over;
  }

  /** Reads, works and answers, and hands what goes wrong in that to {@link failed}: one promise for all of a call. */
  protected abstract work(): Promise<void>;
  /** @param whileReading before the request had come whole */
  protected abstract answerStopped(reason: CancelReason, whileReading: boolean): void;
  protected abstract answerThrown(error: unknown): void;

  /** Resolves when the implementation has ended, which may be long after the answer. Never rejects. */
  serve(): Promise<void> {
    this.#registration = this.token.onCancel(this);
    // Cancelled already, before there was a registration to take back.
    if (this.#over) return Promise.resolve();
    return this.work();
  }

  /** The token was cancelled: the caller is told, if it is there, without waiting for the implementation. */
  onCancelled(token: CancellationToken): void {
    const { reason } = token;
    if (this.#over || reason === undefined) return;
    this.#cancelledAt = clock.now();
    const stop = () =>
      this.end(() => {
        if (isAnswered(reason)) this.answerStopped(reason, !this.#started);
      });
    // Winding up may end in a partial result, which is worth more than a refusal.
    if (reason === 'SHUTDOWN' && this.#started) clock.after(this.settings.shutdownGraceMs, stop);
    else stop();
  }

  /** Calls the implementation, through the interceptors. */
  protected start(request: unknown): unknown {
    this.#started = true;
    const { implementation, method, name } = this.route;
    const service = implementation.service.name;
    const { exchange, token } = this;
    const context = new ServerContext(token, service, name, exchange);
    const { interceptors } = this.settings;
    if (interceptors.length === 0) return this.inside(() => implementation.call(name, request, context));
    const { kind, idempotent } = method;
    const { headers } = context;
    const call = { service, method: name, kind, idempotent, token, headers, request };
    const last = (call: InterceptedCall) => {
      this.given = toToken('call.token', call.token);
      // Invariant 2: an interceptor may take longer than the call has.
      token.throwIfCancelled();
      this.given.throwIfCancelled();
      const asItCame = this.given === token && call.headers === headers;
      const own = asItCame ? context : new ServerContext(this.given, service, name, exchange, call.headers);
      return this.inside(() => implementation.call(name, call.request, own));
    };
    return this.inside(() => intercept(interceptors, call, last));
  }

  protected inside<T>(fn: () => T): T {
    return runAsCurrent(this.given, fn);
  }

  protected abandon(outcome: Abandoned['outcome']): void {
    const { error } = this.token;
    if (error === undefined) return;
    this.settings.onAbandoned({ name: this.route.path, error, ranOnMs: clock.now() - this.#cancelledAt, outcome });
  }

  protected end(answer: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#registration?.unregister();
    this.#source?.close();
    answer();
  }

  protected failed(thrown: unknown): void {
    const error = legible(thrown);
    const stopped = reasonOf(error) !== undefined;
    if (this.#over) {
      // To end because of the cancel is what was asked for; any other error is news.
      if (this.#started && !stopped) this.abandon({ kind: 'error', error });
      return;
    }
    const meant = error instanceof RpcError;
    const { reason } = this.token;
    if (!meant && !(stopped && reason !== undefined)) this.settings.onError(error, this.route.path);
    this.end(() => {
      // What fails under a shutdown may well succeed on another server.
      if (!meant && reason !== undefined) this.answerStopped(reason, false);
      else this.answerThrown(error);
    });
  }
}
