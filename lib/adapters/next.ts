// Next.js: a route handler of the app directory.
import { type CancellationToken, expected } from '../core/index.ts';
import {
  type DrainReport,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
  respond,
  SignalLine,
} from '../server/index.ts';

/** Wraps route handlers; one for the whole application is enough. */
export interface NextCancellation {
  <Req extends Request, Rest extends unknown[]>(
    handler: (request: Req, ...rest: Rest) => Response | Promise<Response>,
  ): (request: Req, ...rest: Rest) => Promise<Response>;
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts route handlers of Next.js under tokens, or any other function of a web `Request` that has a signal.
 *
 *     // app/report/route.ts
 *     export const GET = cancelling(async (request) => Response.json(await work(tokenOf(request))));
 *
 * Each request has a token ({@link tokenOf}), which is the current one while the handler runs. It is cancelled when the peer
 * leaves before the response was read to its end (`PEER_CLOSED`; a signal can't tell a reset from a lost connection), at a
 * deadline (`TIMEOUT`: the caller's `connect-timeout-ms` and the limits of `options`, answered with 504) and on a drain
 * (`SHUTDOWN`: 503); never after success. A body that is streamed is cancelled with the token's error.
 *
 * It is for the Node.js runtime. Server actions get no request, and so no token.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): NextCancellation {
  const reception = new Reception(options);
  const wrap = (handler: Handler) => {
    if (typeof handler !== 'function')
      throw new TypeError(expected('handler', 'a function (request, context)', handler));
    return (request: Request, ...rest: unknown[]) =>
      respond(reception, SignalLine.open(request), () => handler(request, ...rest));
  };
  return Object.assign(wrap, { drain: reception.drain.bind(reception) }) as NextCancellation;
}

type Handler = (request: Request, ...rest: unknown[]) => Response | Promise<Response>;

/** The token of a request. @throws TypeError for a request whose handler is not wrapped by {@link cancellation} */
export function tokenOf(request: Request): CancellationToken {
  return Reception.tokenOf(request, 'request', 'export const GET = cancellation()(handler).');
}
