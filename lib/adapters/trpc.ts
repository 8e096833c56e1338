// tRPC 11: the context of a request, and a middleware for procedures.
//
// 1. tRPC answers for itself, in its own form: what is said in a procedure's place is an error of that procedure. A batch gets one
//    for each of its calls.
// 2. A response that has begun (a subscription, a stream of a batch) is broken off.
// 3. The calls over a WebSocket have its token in common, and nothing else: what one of them is told says nothing of the others.
import { type CancellationToken, reasonOf } from '../core/index.ts';
import {
  type DrainReport,
  NodeLine,
  type NodeRequest,
  type NodeResponse,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
  type Refusal,
  SocketLine,
  type Visit,
  Voice,
} from '../server/index.ts';
import { codeOfReason } from '../wire/index.ts';

/**
 * What tRPC's adapters for Node hand to `createContext`: the standalone one, those for Express and Fastify, for node:http2, and for
 * WebSockets, where `res` is the socket.
 */
export interface ContextOptions {
  readonly req: NodeRequest | { readonly raw: NodeRequest } | Request;
  readonly res?: NodeResponse | { readonly raw: NodeResponse } | { readonly readyState: number };
}

/** What is asked of a procedure's call. */
export interface ProcedureCall<Result> {
  readonly ctx: object;
  next(): Promise<Result>;
}

export interface TrpcCancellation {
  /**
   * Makes a `createContext` that takes the request in, around one that makes the rest of the context.
   *
   * @param create default: makes an empty one
   */
  context<Options extends ContextOptions, Context extends object = object>(
    create?: (options: Options) => Context | Promise<Context>,
  ): (options: Options) => Promise<Context>;
  /** For `t.procedure.use`, first of all: what follows runs under the token. */
  procedure<Result extends { readonly ok: boolean }>(call: ProcedureCall<Result>): Promise<Result>;
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts the procedures of a tRPC router under tokens.
 *
 *     const cancelling = cancellation({ handlerTimeoutMs: 5_000 });
 *     const procedure = t.procedure.use(cancelling.procedure);
 *     const router = t.router({ report: procedure.query((call) => work(tokenOf(call))) });
 *     const server = createHTTPServer({ router, createContext: cancelling.context() });
 *     process.once('SIGTERM', () => cancelling.drain({ server }));
 *
 * Each request has a token ({@link tokenOf}), shared by the calls of a batch, which is the current one in the procedures. It is
 * cancelled when the peer leaves before the response was ended (`PEER_CLOSED`), resets its stream (`CANCELLED`), at a deadline
 * (`TIMEOUT`: the caller's `connect-timeout-ms` and the limits of `options`; the calls fail with `GATEWAY_TIMEOUT`) and on a drain
 * (`SHUTDOWN`: `SERVICE_UNAVAILABLE`); never after success. Procedures without the middleware run on.
 *
 * Over a WebSocket (`applyWSSHandler`) the calls share the token of its connection, with no limits: it is cancelled when that is
 * closed, and at once on a drain, which does not wait for it.
 *
 * Inside an application with an adapter of its own the request is taken in once, by that one. With tRPC's adapter for fetch there
 * has to be one: wrap the handler (`nevermind/adapters/next`).
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): TrpcCancellation {
  const reception = new Reception(options);
  return {
    context:
      <Options extends ContextOptions, Context extends object>(
        create?: (options: Options) => Context | Promise<Context>,
      ) =>
      async (options: Options) => {
        const request = takeIn(reception, options);
        const context = await create?.(options);
        if (context !== undefined && key in context) throw Reception.twice();
        return marked(context as Context, request);
      },
    procedure: (call) => underToken(call as unknown as ProcedureCall<Result>) as Promise<never>,
    drain: reception.drain.bind(reception),
  };
}

/** A property of the context, so that it lives through `next({ ctx: { … } })`. */
const key = Symbol('nevermind.request');

/** A copy of a plain object, which may serve several requests; that of a class would be no longer what it was. */
function marked<Context extends object>(context: Context, request: Taken): Context {
  const prototype = Object.getPrototypeOf(context ?? {});
  if (prototype === null || prototype === Object.prototype) return { ...context, [key]: request };
  return Object.defineProperty(context, key, { value: request, enumerable: true });
}

interface Result {
  readonly ok: boolean;
  readonly error?: unknown;
}

/** A request that was taken in. */
interface Taken {
  readonly visit: Visit;
  /** Absent over a WebSocket: invariant 3. */
  readonly voice?: Voice<Result>;
}

function takeIn(reception: Reception, { req, res }: ContextOptions): Taken {
  const incoming = 'raw' in req ? req.raw : req;
  const outgoing = res !== undefined && 'raw' in res ? res.raw : res;
  const overSocket = outgoing !== undefined && !('writeHead' in outgoing);
  const outer = Reception.visitOf(incoming);
  if (outer !== undefined) {
    if (overSocket) return { visit: outer };
    const voice = new Voice(outer.line, failed, 'several');
    if (!outer.moot) outer.delegate(voice.say);
    return { visit: outer, voice };
  }
  // Throws: no adapter has it.
  if (outgoing === undefined)
    Reception.tokenOf(req, 'req', "cancellation()(handler) of nevermind/adapters/next, around tRPC's own.");
  if (overSocket) return { visit: received(reception, SocketLine.open(incoming as NodeRequest), () => {}) };
  const line = NodeLine.open(incoming as NodeRequest, outgoing as NodeResponse);
  line.mutes = false;
  const voice = new Voice(line, failed, 'several');
  return { visit: received(reception, line, voice.say), voice };
}

/** @throws what tRPC takes for an error of its own, where the request is turned away */
function received(reception: Reception, line: NodeLine | SocketLine, say: (refusal: Refusal) => void): Visit {
  let refused: Refusal | undefined;
  const visit = reception.receive(line, (refusal) => {
    refused = refusal;
    say(refusal);
  });
  if (visit === undefined) throw errorOf(refused ?? { code: 'canceled', message: 'The caller has left.' });
  return visit;
}

function underToken({ ctx, next }: ProcedureCall<Result>): Promise<Result> {
  const { visit, voice } = takenIn(ctx);
  if (voice === undefined) return overSocket(visit, next);
  return voice.first(visit, async () => {
    const result = await next();
    // tRPC has caught it.
    if (!result.ok && visit.settles(result.error)) throw result.error;
    if (!result.ok && visit.moot && !visit.deserted) visit.unheard(result.error);
    return result;
  });
}

async function overSocket(visit: Visit, next: () => Promise<Result>): Promise<Result> {
  const result = await visit.run(next);
  const reason = result.ok ? undefined : reasonOf(result.error);
  const { reason: cancelled } = visit.token;
  if (reason === undefined || (cancelled === undefined && reason !== 'TIMEOUT')) return result;
  return failed({ code: codeOfReason(cancelled ?? reason), message: (result.error as Error).message });
}

type Failure = Pick<Refusal, 'code' | 'message'>;

function failed(failure: Failure): Result {
  return { ok: false, error: errorOf(failure) };
}

/** What tRPC takes for an error of its own: it goes by the name. */
function errorOf({ code, message }: Failure): Error {
  return Object.assign(new Error(message), { name: 'TRPCError', code: CODES[code] ?? 'CLIENT_CLOSED_REQUEST' });
}

const CODES: Readonly<Partial<Record<Refusal['code'], string>>> = {
  deadline_exceeded: 'GATEWAY_TIMEOUT',
  unavailable: 'SERVICE_UNAVAILABLE',
  invalid_argument: 'BAD_REQUEST',
};

function takenIn(ctx: object): Taken {
  const taken = (ctx as { [key]?: Taken } | undefined)?.[key];
  // Throws: no adapter has it.
  if (taken === undefined) Reception.tokenOf(ctx, 'ctx', HOW);
  return taken as Taken;
}

const HOW = 'createHTTPServer({ router, createContext: cancellation().context(createContext) }).';

/** The token of a procedure's request. @throws TypeError for a context that {@link TrpcCancellation.context} did not make */
export function tokenOf({ ctx }: { readonly ctx: object }): CancellationToken {
  return takenIn(ctx).visit.token;
}
