import { type Exchange, type ExchangeHandler, exchangeHandler, parseTimeout, TIMEOUT_HEADER } from '../wire/index.ts';
import { answerError } from './answer.ts';
import { withoutQuery } from './base-url.ts';
import type { Implementation } from './implement.ts';
import { route, routesOf } from './router.ts';
import { ServedStream } from './served-stream.ts';
import { ServedUnary } from './served-unary.ts';
import { type HandlerOptions, settingsOf } from './settings.ts';
import { type WebContext, WebExchange } from './web-exchange.ts';

/** A web handler for any server that speaks `Request` and `Response`; `serve` of ours takes the shorter way through it. */
export interface RpcHandler {
  (request: Request, context?: WebContext): Promise<Response>;
  readonly [exchangeHandler]: ExchangeHandler;
  /** Whether a path, without its query, is that of a method served here. */
  serves(path: string): boolean;
}

/**
 * Makes one handler of implemented services, over the Connect protocol with JSON.
 *
 * A call's token is a child of the request's: of `context.token` where the server gives one, else of `request.signal`.
 * The handler answers by itself at the deadline (504) and at a shutdown (503); a caller that cancelled or left gets no
 * answer. Whatever the implementation brings after that is dropped and told to `onAbandoned`.
 *
 * It never rejects. It does not stop an implementation that ignores its token.
 *
 * @param implementations what {@link implement} made
 * @throws TypeError or RangeError for an option that makes no sense, or a service that is implemented twice
 */
export function createHandler(implementations: readonly Implementation[], options: HandlerOptions = {}): RpcHandler {
  const settings = settingsOf(options);
  const routes = routesOf(implementations, settings.prefix);

  const serveExchange = (exchange: Exchange): Promise<void> => {
    const found = route(routes, exchange);
    if (found === undefined) return Promise.resolve();
    const timeout = parseTimeout(exchange.header(TIMEOUT_HEADER));
    const Served = found.method.kind === 'unary' ? ServedUnary : ServedStream;
    if (typeof timeout === 'number') return new Served(found, exchange, timeout, settings).serve();
    answerError(exchange, 400, 'invalid_argument', timeout.expected);
    return Promise.resolve();
  };

  const handler = (request: Request, context?: WebContext) =>
    new Promise<Response>((resolve) => {
      const exchange = new WebExchange(request, context, resolve);
      // What no call has foreseen; a server of ours sees to it itself.
      serveExchange(exchange).catch((error) => {
        settings.onError(error, withoutQuery(exchange.target));
        exchange.fail();
      });
    });
  return Object.assign(handler, {
    [exchangeHandler]: serveExchange,
    serves: (path: string) => routes.has(path),
  });
}

export type { CallContext } from './context.ts';
export { type Implementation, type Implementations, implement } from './implement.ts';
export type { InterceptedCall, Interceptor } from './interceptor.ts';
export type { Abandoned, HandlerOptions } from './settings.ts';
