// Fastify 5: a plugin.
//
// 1. The token is made current twice: for the hooks before the body is parsed, and for all that follows. The parser calls back
//    from the socket, which belongs to no request.
// 2. A handler that was answered for returns nothing to Fastify, which then has nothing to send and nothing to log. The reply is not
//    hijacked: that would switch Fastify's own `request.signal` off, which somebody may go by.
// 3. A drain comes before all else that closing does: before connections are let go, and before what handlers work with is closed.
//    Of the hooks for closing the one that was added last is called first, and `onReady` comes after Fastify has added its own. In
//    `preClose`, which has a hook fail that takes longer than `pluginTimeout`, a drain has not the time it may need.
import { STATUS_CODES } from 'node:http';
import { type CancellationToken, currentToken } from '../core/index.ts';
import {
  type DrainReport,
  type NodeRequest,
  type NodeResponse,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
} from '../server/index.ts';

/** What is asked of Fastify's request. */
export interface FastifyRequest {
  readonly raw: NodeRequest;
}

/** A plugin, to be registered. */
export interface FastifyCancellation {
  (app: object, options: unknown, done: (error?: Error) => void): void;
  /** See {@link Reception.drain}. `app.close()` starts it, and awaits it. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts the requests of a Fastify application under tokens.
 *
 *     app.register(cancellation({ handlerTimeoutMs: 5_000 }));   // before the routes
 *     app.get('/', (request) => work(tokenOf(request)));
 *     process.once('SIGTERM', () => app.close());
 *
 * Each request has a token ({@link tokenOf}), which is the current one in the hooks and handlers that follow. It is cancelled when
 * the peer leaves before the response was ended (`PEER_CLOSED`), resets its stream (`CANCELLED`), at a deadline (`TIMEOUT`: the
 * caller's `connect-timeout-ms` and the limits of `options`, answered with 504) and when the application closes (`SHUTDOWN`:
 * 503); never after success. What an async handler throws because its request was cancelled ends here, unlogged; any other error
 * goes on to Fastify. `app.close()` drains as `options.drain` says, before it does anything else.
 *
 * It holds for the instance that registers it, with all its plugins. Fastify's own `request.signal` and `handlerTimeout` are not
 * touched; the former fires during requests whose body was parsed, also when nobody has left.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): FastifyCancellation {
  const reception = new Reception(options, ({ status, message }) => ({
    type: 'application/json; charset=utf-8',
    body: JSON.stringify({ statusCode: status, error: STATUS_CODES[status], message }),
  }));
  const plugin = (app: object, _options: unknown, done: (error?: Error) => void) => {
    const fastify = app as Fastify;
    if (fastify.hasDecorator(mark)) return done(Reception.twice());
    fastify.decorate(mark, true);
    install(fastify, reception);
    done();
  };
  return Object.assign(plugin, {
    // Not encapsulated: the hooks are for whoever registered it.
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'nevermind',
    [Symbol.for('plugin-meta')]: { fastify: '5.x', name: 'nevermind' },
    drain: reception.drain.bind(reception),
  });
}

const mark = Symbol('nevermind.cancellation');

interface Reply {
  readonly raw: NodeResponse;
  then(this: Reply, ended: () => void, failed?: (error: unknown) => void): void;
}

type Done = (error?: Error) => void;
type Handler = (this: unknown, request: FastifyRequest, reply: Reply) => unknown;

/** What is asked of an application; its own type would have to be told which of Node's servers is below. */
interface Fastify {
  hasDecorator(name: symbol): boolean;
  decorate(name: symbol, value: unknown): unknown;
  addHook(name: 'onRequest', hook: (request: FastifyRequest, reply: Reply, done: Done) => void): unknown;
  addHook(name: 'preValidation', hook: (request: FastifyRequest, reply: Reply, done: Done) => void): unknown;
  addHook(name: 'onError', hook: (request: FastifyRequest, reply: Reply, error: Error, done: Done) => void): unknown;
  addHook(name: 'onRoute', hook: (route: { handler: Handler }) => void): unknown;
  addHook(name: 'onReady', hook: (done: Done) => void): unknown;
  onClose(hook: () => Promise<unknown>): unknown;
}

function install(app: Fastify, reception: Reception): void {
  app.addHook('onRequest', ({ raw }, reply, done) => {
    // Turned away: nothing more is to happen to it.
    reception.admit(raw, reply.raw)?.run(done);
  });
  app.addHook('preValidation', ({ raw }, _reply, done) => {
    const visit = Reception.visitOf(raw);
    if (visit === undefined || currentToken() === visit.token) done();
    else visit.run(done);
  });
  app.addHook('onError', ({ raw }, _reply, error, done) => {
    // Of a hook: the errors of handlers have been seen to.
    Reception.visitOf(raw)?.settles(error);
    done();
  });
  app.addHook('onRoute', (route) => {
    const { handler } = route;
    route.handler = function (request, reply) {
      const visit = Reception.visitOf(request.raw);
      const call = () => handler.call(this, request, reply);
      if (visit === undefined) return call();
      followReplies(reply);
      return visit.track(call);
    };
  });
  // Invariant 3.
  app.addHook('onReady', (done) => {
    app.onClose(() => reception.drain());
    done();
  });
}

const following = new WeakSet<object>();

/**
 * A handler that returns its reply ends with the response. Of one that its client has left Fastify may not hear: over HTTP/2 where it
 * begins to listen later, and in a pipeline on Node 20. The handler would be under way for ever. It is the prototype that is told so,
 * once: to give each reply a method of its own costs as much as all else here.
 */
function followReplies(reply: Reply): void {
  const prototype: Reply = Object.getPrototypeOf(reply);
  if (following.has(prototype)) return;
  following.add(prototype);
  const { then } = reply;
  // biome-ignore lint/suspicious/noThenProperty: it is one that is awaited, and the only place to hear of that.
  prototype.then = function (ended, failed) {
    then.call(this, ended, failed);
    Reception.visitOf(this.raw)?.whenOver(ended);
  };
}

/** The token of a request. @throws TypeError for a request that did not pass {@link cancellation} */
export function tokenOf(request: FastifyRequest): CancellationToken {
  return Reception.tokenOf(request?.raw, 'request', 'app.register(cancellation()), before the routes.');
}
