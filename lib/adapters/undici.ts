// An interceptor for undici's dispatchers, and so for Node's own fetch: every request goes under the current token.
//
// Invariants
// 1. A request is listened to for from its dispatch until its response has ended, failed or been upgraded.
// 2. The handler behind is told of one end. Told of the cancel while its request still waits in a queue, or while a retry or a
//    redirect below is between two requests, it hears nothing more; what begins after that is stopped before a byte of it is
//    written, and at its first sign of life where it begins unseen, as the rest of a body does that a retry resumes.
// 3. The handler is told of answers and ends under the token that its request was made under, as what it then dispatches goes under
//    the current one: a connection calls back under that of whoever had it opened.
// 4. Whoever aborts, the peer of an HTTP/2 request is sent CANCEL: any other way would end the process (lib/fetch).
import type { Dispatcher } from 'undici';
import {
  CancellationError,
  type CancellationToken,
  currentToken,
  type Registration,
  runAsCurrent,
} from '../core/index.ts';
import { type DeadlineOptions, DeadlineRule, expectStreams, withCancelCode } from '../fetch/index.ts';

type Dispatch = Dispatcher['dispatch'];
type Options = Dispatcher.DispatchOptions;
type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;

/**
 * Makes an interceptor that cancels each request with the token that is current where it is made (`nevermind/ambient`), and
 * tells the hosts that `propagateDeadline` allows how much time is left.
 *
 *     setGlobalDispatcher(getGlobalDispatcher().compose(cancellation({ propagateDeadline: ['api.internal'] })));
 *
 * Name it before the interceptors that make requests of their own, `redirect` and `retry`: each hop and each try then goes by the
 * rule anew, as with `fetch`, which follows redirects by itself. Named after them it sees one request, and what it has told the first
 * host goes on to whomever that redirects to. A second one after them, that tells nobody, also ends the wait for another try:
 *
 *     agent.compose(cancellation({ propagateDeadline: ['api.internal'] }), interceptors.retry(), cancellation());
 *
 * Cancellation: `request`, `stream` and `pipeline` fail with a CancellationError whose `cause` is the token's error. `fetch`
 * fails with a TypeError whose `cause` that is, as it does with everything that a dispatcher reports; `reasonOf` finds the reason
 * in both. (`createFetch` of nevermind/fetch rejects with the token's error itself.) Under a token that is cancelled already
 * nothing is dispatched. What has become a WebSocket or a tunnel is left alone.
 *
 * Works with undici 7 and 8, and with the fetch of Node 20 to 26, which follows the global dispatcher of either.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: DeadlineOptions = {}): Dispatcher.DispatcherComposeInterceptor {
  const rule = new DeadlineRule(options);
  expectStreams();
  return (dispatch: Dispatch): Dispatch =>
    (request, handler) => {
      const token = currentToken();
      const { error } = token;
      if (error === undefined) return guarded(dispatch, stamped(rule, request, token), guard(handler, token));
      fail(handler, failure(error));
      return true;
    };
}

/** A dispatch that throws has told nobody else. */
function guarded(dispatch: Dispatch, request: Options, guard: Guard & Handler): boolean {
  try {
    return dispatch(request, guard);
  } catch (error) {
    if (guard.end()) throw error;
    return true;
  }
}

/** In the language of the handler, as a dispatcher goes by what it finds. */
function guard(handler: Handler, token: CancellationToken): Guard & Handler {
  return handler.onRequestStart === undefined ? new LegacyGuard(handler, token) : new ModernGuard(handler, token);
}

/** Stands before the handler of one request. */
abstract class Guard {
  protected readonly handler: Handler;
  readonly #token: CancellationToken;
  readonly #registration: Registration;
  #abort: ((error: Error) => void) | undefined;
  /** What the handler was told while no request of its own was under way. */
  #told: Error | undefined;
  #ended = false;

  constructor(handler: Handler, token: CancellationToken) {
    this.handler = handler;
    this.#token = token;
    this.#registration = token.onCancel((error) => this.#cancelled(failure(error)));
  }

  #cancelled(error: Error): void {
    // Does nothing to a request that is over, also where another one is to follow.
    this.#abort?.(error);
    if (this.#ended) return;
    this.#told = error;
    fail(this.handler, error);
  }

  /** @returns whether the handler is still to be told of anything */
  protected begin(abort: (error: Error) => void): boolean {
    this.#abort = abort;
    return this.goesOn();
  }

  /** @returns whether the handler is still to be told of anything; else whoever tells is stopped */
  protected goesOn(): boolean {
    if (this.#told === undefined) return true;
    this.#abort?.(this.#told);
    return false;
  }

  /** Invariant 3. */
  protected under<T>(tell: () => T): T {
    return currentToken() === this.#token ? tell() : runAsCurrent(this.#token, tell);
  }

  /** @returns whether the handler is to be told */
  end(): boolean {
    this.#registration.unregister();
    this.#ended = true;
    return this.#told === undefined;
  }
}

/** The handlers of undici 7 and 8. */
class ModernGuard extends Guard implements Handler {
  onRequestStart(controller: Controller, context: unknown): void {
    const abort = controller.abort;
    controller.abort = (error) => withCancelCode(() => abort.call(controller, error));
    if (this.begin((error) => controller.abort(error))) this.handler.onRequestStart?.(controller, context);
  }

  onBodySent(...sent: Told<'onBodySent'>): void {
    this.handler.onBodySent?.(...sent);
  }

  onResponseStarted(): void {
    this.handler.onResponseStarted?.();
  }

  onResponseStart(...head: Told<'onResponseStart'>): void {
    if (this.goesOn()) this.under(() => this.handler.onResponseStart?.(...head));
  }

  onResponseData(...data: Told<'onResponseData'>): void {
    if (this.goesOn()) this.handler.onResponseData?.(...data);
  }

  onRequestUpgrade(...upgrade: Told<'onRequestUpgrade'>): void {
    if (this.end()) this.handler.onRequestUpgrade?.(...upgrade);
  }

  onResponseEnd(...end: Told<'onResponseEnd'>): void {
    if (this.end()) this.under(() => this.handler.onResponseEnd?.(...end));
  }

  onResponseError(...error: Told<'onResponseError'>): void {
    if (this.end()) this.under(() => this.handler.onResponseError?.(...error));
  }
}

/** The handlers of undici 6, which is the fetch of Node 20 and 22, and of undici 7's own fetch. */
class LegacyGuard extends Guard implements Handler {
  onConnect(abort: (error?: Error) => void, ...context: []): void {
    const guarded = (error?: Error): void => withCancelCode(() => abort(error));
    if (this.begin(guarded)) this.handler.onConnect?.(guarded, ...context);
  }

  onBodySent(...sent: Told<'onBodySent'>): void {
    this.handler.onBodySent?.(...sent);
  }

  onResponseStarted(): void {
    this.handler.onResponseStarted?.();
  }

  onHeaders(...head: Told<'onHeaders'>): boolean {
    return this.goesOn() && (this.under(() => this.handler.onHeaders?.(...head)) ?? true);
  }

  onData(chunk: Buffer): boolean {
    return this.goesOn() && (this.handler.onData?.(chunk) ?? true);
  }

  onUpgrade(...upgrade: Told<'onUpgrade'>): void {
    if (this.end()) this.handler.onUpgrade?.(...upgrade);
  }

  onComplete(trailers: string[] | null): void {
    if (this.end()) this.under(() => this.handler.onComplete?.(trailers));
  }

  onError(error: Error): void {
    if (this.end()) this.under(() => this.handler.onError?.(error));
  }
}

/** What a handler's method is called with. */
type Told<K extends keyof Handler> = Parameters<NonNullable<Handler[K]>>;

/** Ends a request that was never sent. */
function fail(handler: Handler, error: Error): void {
  const nothing = (): void => {};
  // `aborted` keeps a retry from thinking that another try would do.
  const controller = { aborted: true, paused: false, reason: error, abort: nothing, pause: nothing, resume: nothing };
  if (handler.onResponseError !== undefined) handler.onResponseError(controller, error);
  else handler.onError?.(error);
}

/**
 * What a dispatcher may say of a cancel. By the name of AbortError fetch would take it for an abort of its own, and hide it:
 * undici 7 one `cause` further down, undici 8 behind a failed assertion.
 */
function failure(cause: CancellationError): CancellationError {
  const error = new CancellationError(cause.reason, { description: cause.description, cause });
  return Object.defineProperty(error, 'name', { value: 'CancellationError' });
}

function stamped(rule: DeadlineRule, request: Options, token: CancellationToken): Options {
  const remaining = rule.silent ? Number.POSITIVE_INFINITY : token.remaining();
  const { origin, path, headers } = request;
  if (remaining === Number.POSITIVE_INFINITY || origin === undefined) return request;
  if (!rule.allows(urlOf(origin, path))) return request;
  const fields = fieldsOf(headers);
  const [[, present] = []] = fields.filter(([name]) => name.toLowerCase() === rule.header);
  const value = rule.value(remaining, present?.toString());
  if (value === undefined) return request;
  const others = fields.filter(([name]) => name.toLowerCase() !== rule.header);
  return { ...request, headers: shaped([...others, [rule.header, value]], headers) };
}

function urlOf(origin: string | URL, path: string): URL {
  const base = new URL(origin);
  // Not as a relative URL: a path such as `//elsewhere` names no other host here. `*` is the path of an OPTIONS.
  return path.startsWith('/') ? new URL(base.origin + path) : base;
}

type Field = [name: string, value: string | string[] | undefined];

/** The headers in one shape, out of the four that a dispatcher takes. */
function fieldsOf(headers: Options['headers']): Field[] {
  if (headers === undefined || headers === null) return [];
  if (Array.isArray(headers)) {
    return headers.flatMap((name: string, at) => (at % 2 === 0 ? [[name, headers[at + 1]] satisfies Field] : []));
  }
  return Symbol.iterator in headers ? [...(headers as Iterable<Field>)] : Object.entries(headers);
}

/** Back to an object where there was one, as some interceptors know no other shape; else name after value, in one list. */
function shaped(fields: Field[], like: Options['headers']): NonNullable<Options['headers']> {
  const isList = Array.isArray(like) || (typeof like === 'object' && like !== null && Symbol.iterator in like);
  return isList ? (fields.flat(1) as string[]) : (Object.fromEntries(fields) as Record<string, string>);
}
