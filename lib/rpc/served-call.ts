/**
 * One unary call on the server, from its headers to its answer.
 *
 * 1. It is answered once, or not at all where the caller has gone; `#over` is set by whoever answers or finds that out.
 * 2. The implementation is never started under a cancelled token, nor before the whole request is known to be good.
 * 3. What the implementation does when the call is over never reaches the wire; `onAbandoned` gets it.
 */
import { type CancellationToken, clock, type Registration, reasonOf, type Source } from '../core/index.ts';
import { type Exchange, isAnswered } from '../wire/index.ts';
import { answerError, answerStopped, answerThrown, answerValue } from './answer.ts';
import { encodeJson } from './codec.ts';
import { UnaryContext } from './context.ts';
import { RpcError } from './error.ts';
import { receive } from './receive.ts';
import type { Route } from './router.ts';
import { read } from './schema.ts';
import type { Abandoned, HandlerSettings } from './settings.ts';

export class ServedCall {
  readonly #route: Route;
  readonly #exchange: Exchange;
  readonly #settings: HandlerSettings;
  /** The call's own deadline; undefined when it has none, and the request's token serves. */
  readonly #source: Source<CancellationToken> | undefined;
  readonly #token: CancellationToken;
  #registration: Registration | undefined;
  /** The implementation was called. */
  #started = false;
  #over = false;
  /** When the token was cancelled, on the monotonic clock. */
  #cancelledAt = 0;

  /** @param timeout milliseconds that the caller gives; Infinity: none */
  constructor(route: Route, exchange: Exchange, timeout: number, settings: HandlerSettings) {
    this.#route = route;
    this.#exchange = exchange;
    this.#settings = settings;
    const allowed = Math.min(timeout, settings.maxTimeoutMs);
    this.#source = allowed === Number.POSITIVE_INFINITY ? undefined : exchange.token.child({ timeout: allowed });
    this.#token = this.#source?.token ?? exchange.token;
  }

  /** Resolves when the implementation has ended, which may be long after the answer. Never rejects. */
  async serve(): Promise<void> {
    this.#registration = this.#token.onCancel(this);
    try {
      // Cancelled already, before there was a registration to take back.
      if (this.#over) return;
      const received = await receive(this.#exchange, this.#route.method.input, this.#settings.maxBodyBytes);
      if (this.#over) return;
      const { refusal } = received;
      if (refusal !== undefined)
        return this.#end(() => answerError(this.#exchange, refusal.status, refusal.code, refusal.message));
      this.#started = true;
      await this.#work(received.request);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The token was cancelled: the caller is told, if it is there, without waiting for the implementation. */
  onCancelled(token: CancellationToken): void {
    const { reason } = token;
    if (this.#over || reason === undefined) return;
    this.#cancelledAt = clock.now();
    const stop = () =>
      this.#end(() => {
        if (isAnswered(reason)) answerStopped(this.#exchange, reason, !this.#started);
      });
    // Winding up may end in a partial result, which is worth more than a refusal.
    if (reason === 'SHUTDOWN' && this.#started) clock.after(this.#settings.shutdownGraceMs, stop);
    else stop();
  }

  async #work(request: unknown): Promise<void> {
    const { implementation, method, name } = this.#route;
    const context = new UnaryContext(this.#token, implementation.service.name, name, this.#exchange);
    const response = await implementation.call(name, request, context);
    // Checked, and then sent as it was written: to read it by the schema is the caller's part.
    await read(method.output, response, 'response');
    if (this.#over) return this.#abandon({ kind: 'value', value: response });
    const json = encodeJson(response, 'response');
    this.#end(() => answerValue(this.#exchange, json));
  }

  #failed(error: unknown): void {
    const stopped = reasonOf(error) !== undefined;
    if (this.#over) {
      // To end because of the cancel is what was asked for; any other error is news.
      if (this.#started && !stopped) this.#abandon({ kind: 'error', error });
      return;
    }
    const meant = error instanceof RpcError;
    const { reason } = this.#token;
    if (!meant && !(stopped && reason !== undefined)) this.#settings.onError(error, this.#route.path);
    this.#end(() => {
      // What fails under a shutdown may well succeed on another server.
      if (!meant && reason !== undefined) answerStopped(this.#exchange, reason, false);
      else answerThrown(this.#exchange, error);
    });
  }

  #abandon(outcome: Abandoned['outcome']): void {
    const { error } = this.#token;
    if (error === undefined) return;
    this.#settings.onAbandoned({ name: this.#route.path, error, ranOnMs: clock.now() - this.#cancelledAt, outcome });
  }

  #end(answer: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#registration?.unregister();
    this.#source?.close();
    answer();
  }
}
