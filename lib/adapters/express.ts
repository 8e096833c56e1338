// Express 5: a middleware, and one for errors.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CancellationToken } from '../core/index.ts';
import { type DrainReport, Reception, type ReceptionDrainOptions, type ReceptionOptions } from '../server/index.ts';

type Next = (error?: unknown) => void;

/** A middleware, of Express and of whatever else calls `(req, res, next)`. */
export interface ExpressCancellation {
  (req: IncomingMessage, res: ServerResponse, next: Next): void;
  /**
   * A middleware for errors: ends what a handler throws because its request was cancelled, so that no other one logs it and
   * answers 500, and says 504 or 503 where somebody waits. Any other error goes on to the next one.
   */
  readonly errors: (error: unknown, req: IncomingMessage, res: ServerResponse, next: Next) => void;
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts the requests of an Express application under tokens.
 *
 *     const cancelling = cancellation({ handlerTimeoutMs: 5_000 });
 *     app.use(cancelling);          // before whatever is to be cancelled
 *     app.get('/', async (req, res) => void res.send(await work(tokenOf(req))));
 *     app.use(cancelling.errors);   // after the routes, before other handlers of errors
 *     process.once('SIGTERM', () => cancelling.drain({ server }));
 *
 * Each request has a token ({@link tokenOf}), which is the current one in every middleware and handler that follows. It is
 * cancelled when the peer leaves before the response was ended (`PEER_CLOSED`), at a deadline (`TIMEOUT`: the caller's
 * `connect-timeout-ms` and the limits of `options`, answered with 504) and on a drain (`SHUTDOWN`: 503); never after success.
 * What a handler writes once it has been answered for is dropped. Where the response was ended already, it only goes on.
 *
 * Express speaks HTTP/1.1 only.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): ExpressCancellation {
  const reception = new Reception(options);
  const middleware = (req: IncomingMessage, res: ServerResponse, next: Next) => {
    reception.admit(req, res)?.run(next);
  };
  return Object.assign(middleware, { errors, drain: reception.drain.bind(reception) });
}

// Express knows a middleware for errors by its four parameters.
function errors(error: unknown, req: IncomingMessage, _res: ServerResponse, next: Next): void {
  if (!Reception.visitOf(req)?.settles(error)) next(error);
}

/** The token of a request. @throws TypeError for a request that did not pass {@link cancellation} */
export function tokenOf(req: IncomingMessage): CancellationToken {
  return Reception.tokenOf(
    req,
    'req',
    'app.use(cancellation()), before the middlewares and routes that ask for the token.',
  );
}
