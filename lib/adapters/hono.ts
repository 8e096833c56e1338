// Hono 4: a middleware, on @hono/node-server and wherever else a `Request` comes with a signal.
import type { CancellationToken } from '../core/index.ts';
import {
  type DrainReport,
  NodeLine,
  type NodeRequest,
  type NodeResponse,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
  respond,
  SignalLine,
  SocketLine,
} from '../server/index.ts';

/** What is asked of Hono's context. */
export interface HonoContext {
  readonly env: unknown;
  readonly req: { readonly raw: Request };
  readonly error: Error | undefined;
  res: Response;
}

export interface HonoCancellation {
  (c: HonoContext, next: () => Promise<void>): Promise<void>;
  /**
   * For `app.onError`: the answer to what a handler threw because its request was cancelled; undefined for any other error,
   * which is the application's own. Without it Hono prints the former too, and answers 500 to a shutdown.
   *
   *     app.onError((error, c) => cancelling.errors(error, c) ?? c.text('Sorry.', 500));
   */
  readonly errors: (error: Error, c: HonoContext) => Response | undefined;
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts the requests of a Hono application under tokens.
 *
 *     const cancelling = cancellation({ handlerTimeoutMs: 5_000 });
 *     app.use(cancelling);          // before whatever is to be cancelled
 *     app.get('/', async (c) => c.text(await work(tokenOf(c))));
 *     const server = serve(app);
 *     process.once('SIGTERM', () => cancelling.drain({ server }));
 *
 * Each request has a token ({@link tokenOf}), which is the current one in every middleware and handler that follows. It is
 * cancelled when the peer leaves before the response was ended (`PEER_CLOSED`), resets its stream (`CANCELLED`), at a deadline
 * (`TIMEOUT`: the caller's `connect-timeout-ms` and the limits of `options`, answered with 504) and on a drain (`SHUTDOWN`: 503);
 * never after success. The answers in the handler's place pass the middlewares that are mounted before.
 *
 * On @hono/node-server it goes by Node's own request and response; elsewhere by the request's signal, which can't tell a reset
 * from a lost connection, and by the body of the response. Without either (`app.request()`) nobody leaves.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): HonoCancellation {
  const reception = new Reception(options);
  const middleware = async (c: HonoContext, next: () => Promise<void>) => {
    const line = lineOf(c);
    const response = await respond(reception, line, async (visit) => {
      await next();
      // Hono has caught it, and asked its `onError` for an answer.
      if (c.error !== undefined && visit.settles(c.error)) throw c.error;
      return c.res;
    });
    if (response !== c.res) c.res = response;
  };
  return Object.assign(middleware, { errors, drain: reception.drain.bind(reception) });
}

/** What @hono/node-server hands on of Node's. */
interface NodeEnv {
  readonly incoming?: NodeRequest;
  /** Undefined for what is to become a WebSocket. */
  readonly outgoing?: NodeResponse | undefined;
}

function lineOf(c: HonoContext): NodeLine | SocketLine | SignalLine {
  const { incoming, outgoing } = (c.env ?? {}) as NodeEnv;
  if (incoming === undefined) return SignalLine.open(c.req.raw);
  if (outgoing === undefined) return SocketLine.open(incoming);
  const line = NodeLine.open(incoming, outgoing);
  line.mutes = false;
  return line;
}

/** What the line is known by. */
function rawOf(c: HonoContext): object | undefined {
  return (c?.env as NodeEnv | undefined)?.incoming ?? c?.req?.raw;
}

function errors(error: Error, c: HonoContext): Response | undefined {
  // What is answered is for the middleware to say, which has the last word.
  return Reception.visitOf(rawOf(c))?.settles(error) ? new Response(null, { status: 499 }) : undefined;
}

/** The token of a request. @throws TypeError for a context whose request did not pass {@link cancellation} */
export function tokenOf(c: HonoContext): CancellationToken {
  return Reception.tokenOf(
    rawOf(c),
    'c',
    'app.use(cancellation()), before the middlewares and routes that ask for it.',
  );
}
