// GraphQL Yoga 5: a plugin.
import type { CancellationToken } from '../core/index.ts';
import {
  type DrainReport,
  NodeLine,
  type NodeRequest,
  type NodeResponse,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
  type Refusal,
  respond,
  SignalLine,
  type Visit,
  Voice,
} from '../server/index.ts';

type Handle = (request: Request, context: object) => Response | Promise<Response>;

interface OnRequest {
  readonly request: Request;
  readonly serverContext: object;
  readonly fetchAPI: { readonly Response: typeof Response };
  readonly requestHandler: Handle;
  setRequestHandler(handle: Handle): void;
}

interface OnExecute {
  readonly args: { readonly contextValue: unknown };
}

/** A plugin of Yoga. */
export interface YogaCancellation {
  onRequest(payload: OnRequest): void;
  onExecute(payload: OnExecute): void;
  onSubscribe(payload: OnExecute): void;
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts the requests of GraphQL Yoga under tokens.
 *
 *     const cancelling = cancellation({ handlerTimeoutMs: 5_000 });
 *     const yoga = createYoga({ schema, plugins: [cancelling] });
 *     // a resolver: (_, args, context) => work(tokenOf(context))
 *     process.once('SIGTERM', () => cancelling.drain({ server }));
 *
 * Each request has a token ({@link tokenOf}), which is the current one in the plugins and resolvers that follow. It is cancelled
 * when the peer leaves before the response was ended (`PEER_CLOSED`), resets its stream (`CANCELLED`), at a deadline (`TIMEOUT`:
 * the caller's `connect-timeout-ms` and the limits of `options`, answered with 504) and on a drain (`SHUTDOWN`: 503); never
 * after success. The execution goes under the token too, and ends at once with it: no resolver is started after a cancel, and a
 * subscription ends. It stands in place of Yoga's `useExecutionCancellation`.
 *
 * Under node:http and node:http2 it goes by Node's own request and response, also inside an application that has an adapter of its
 * own; elsewhere by the request's signal, which can't tell a reset from a lost connection.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): YogaCancellation {
  const reception = new Reception(options, ({ code, message }) => ({
    type: 'application/json; charset=utf-8',
    body: JSON.stringify({ errors: [{ message, extensions: { code: code.toUpperCase() } }] }),
  }));
  const underToken = ({ args }: OnExecute) => {
    const visit = visitOf(args.contextValue);
    // Yoga's executor takes it, and its types don't say so.
    if (visit !== undefined) (args as { signal?: AbortSignal }).signal = plainSignal(visit.token);
  };
  return {
    onRequest: (payload) => takeIn(reception, payload),
    onExecute: underToken,
    onSubscribe: underToken,
    drain: reception.drain.bind(reception),
  };
}

/** Yoga knows an abort by its class, and logs any other as a failure. */
function plainSignal(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  token.onCancel((cause) => controller.abort(new DOMException(cause.message, { name: cause.name, cause } as never)));
  return controller.signal;
}

/** What Yoga is handed along with a request of Node's: by itself, by Express and Koa, or in its guide to Fastify. */
interface NodeContext {
  readonly req?: NodeRequest & { readonly raw?: NodeRequest };
  readonly res?: NodeResponse;
  readonly reply?: { readonly raw: NodeResponse };
}

function takeIn(reception: Reception, { request, serverContext, fetchAPI, ...payload }: OnRequest): void {
  const handle = payload.requestHandler;
  const make = (refusal: Refusal) => reception.response(refusal, fetchAPI.Response);
  payload.setRequestHandler((request, context) => {
    const outer = visitOf(serverContext);
    const execute = async (visit: Visit) => {
      if (visit.speaker === takeIn) throw Reception.twice();
      visit.speaker = takeIn;
      const response = await handle(request, context);
      // The execution has stopped, and has made errors of it.
      visit.token.throwIfCancelled();
      return response;
    };
    if (outer !== undefined) return speakFor(outer, make, execute);
    return respond(reception, lineOf(request, serverContext), execute, make);
  });
}

/** Inside an application with an adapter of its own: the request is taken in, and Yoga knows how its clients read an error. */
function speakFor(visit: Visit, make: (refusal: Refusal) => Response, execute: (visit: Visit) => Promise<Response>) {
  const voice = new Voice(visit.line, make);
  if (visit.moot) return voice.left();
  visit.delegate(voice.say);
  return voice.first(visit, () => execute(visit));
}

function lineOf(request: Request, context: object): NodeLine | SignalLine {
  const { req, res, reply } = context as NodeContext;
  const outgoing = res ?? reply?.raw;
  if (req === undefined || outgoing === undefined) return SignalLine.open(request);
  const line = NodeLine.open(req.raw ?? req, outgoing);
  line.mutes = false;
  return line;
}

function visitOf(context: unknown): Visit | undefined {
  const { req, request } = (context ?? {}) as NodeContext & { readonly request?: Request };
  return Reception.visitOf(req?.raw ?? req) ?? Reception.visitOf(request);
}

/** The token of a request. @throws TypeError for a context of Yoga without the plugin */
export function tokenOf(context: object): CancellationToken {
  return visitOf(context)?.token ?? Reception.tokenOf(context, 'context', 'createYoga({ plugins: [cancellation()] }).');
}
