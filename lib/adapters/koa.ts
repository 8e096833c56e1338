// Koa 3: a middleware.
import type { CancellationToken } from '../core/index.ts';
import {
  type DrainReport,
  type NodeRequest,
  type NodeResponse,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
} from '../server/index.ts';

/** What is asked of Koa's context. */
export interface KoaContext {
  readonly req: NodeRequest;
  readonly res: NodeResponse;
}

export interface KoaCancellation {
  (ctx: KoaContext, next: () => Promise<unknown>): Promise<void>;
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts the requests of a Koa application under tokens.
 *
 *     const cancelling = cancellation({ handlerTimeoutMs: 5_000 });
 *     app.use(cancelling);          // the first of all
 *     app.use(async (ctx) => { ctx.body = await work(tokenOf(ctx)); });
 *     process.once('SIGTERM', () => cancelling.drain({ server }));
 *
 * Each request has a token ({@link tokenOf}), which is the current one in every middleware that follows. It is cancelled when
 * the peer leaves before the response was ended (`PEER_CLOSED`), resets its stream (`CANCELLED`), at a deadline (`TIMEOUT`: the
 * caller's `connect-timeout-ms` and the limits of `options`, answered with 504) and on a drain (`SHUTDOWN`: 503); never after
 * success. What a middleware throws because its request was cancelled ends here; any other error goes on to Koa.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): KoaCancellation {
  const reception = new Reception(options);
  const middleware = async (ctx: KoaContext, next: () => Promise<unknown>) => {
    await reception.admit(ctx.req, ctx.res)?.handle(next);
  };
  return Object.assign(middleware, { drain: reception.drain.bind(reception) });
}

/** The token of a request. @throws TypeError for a context whose request did not pass {@link cancellation} */
export function tokenOf(ctx: KoaContext): CancellationToken {
  return Reception.tokenOf(ctx?.req, 'ctx', 'app.use(cancellation()), before the middlewares that ask for the token.');
}
