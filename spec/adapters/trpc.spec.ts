import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve, upgradeWebSocket } from '@hono/node-server';
import { initTRPC, TRPCError } from '@trpc/server';
import { createExpressMiddleware } from '@trpc/server/adapters/express';
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify';
import { fetchRequestHandler } from '@trpc/server/adapters/fetch';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { applyWSSHandler } from '@trpc/server/adapters/ws';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import * as expressAdapter from '../../lib/adapters/express.ts';
import * as fastifyAdapter from '../../lib/adapters/fastify.ts';
import * as honoAdapter from '../../lib/adapters/hono.ts';
import * as nextAdapter from '../../lib/adapters/next.ts';
import { cancellation, tokenOf } from '../../lib/adapters/trpc.ts';
import { CancellationError, type CancellationToken } from '../../lib/core/index.ts';
import { Inbox } from '../server/support/gate.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import { heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

/** A router with a procedure that hangs until its token is cancelled, and one that answers. */
function service(options = {}) {
  const cancelling = cancellation(options);
  const t = initTRPC.context<{ user: string }>().create();
  const procedure = t.procedure.use(cancelling.procedure).use(({ ctx, next }) => next({ ctx: { more: ctx.user } }));
  const tokens = new Inbox<CancellationToken>();
  const router = t.router({
    hang: procedure.query(async (call) => {
      tokens.put(tokenOf(call));
      await heard(tokenOf(call));
      tokenOf(call).throwIfCancelled();
    }),
    greet: procedure.query(({ ctx }) => `Hello, ${ctx.user} ${ctx.more}!`),
    slow: procedure.query(() => {
      throw new CancellationError('TIMEOUT');
    }),
    broken: procedure.query(() => {
      throw new TRPCError({ code: 'NOT_FOUND', message: 'no such table' });
    }),
  });
  const createContext = cancelling.context(() => ({ user: 'Ada' }));
  return { cancelling, router, tokens, createContext };
}

/** A client over a WebSocket. */
async function dialled(port: number) {
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  ends.push(() => client.terminate());
  const messages = new Inbox<unknown>();
  client.on('message', (data) => messages.put(JSON.parse(String(data))));
  await once(client, 'open');
  let id = 0;
  const ask = (path: string) => client.send(JSON.stringify({ id: ++id, method: 'query', params: { path } }));
  return { client, messages, ask };
}

const failed = (code: string, httpStatus: number) => ({ error: { data: { code, httpStatus } } });

it('the context is the one that was made, with the token beside it', async () => {
  const { router, createContext } = service();
  const { url } = await onServer(createHTTPHandler({ router, createContext }), ends);
  expect(await (await fetch(`${url}/greet`)).json()).toEqual({ result: { data: 'Hello, Ada Ada!' } });
  expect(await (await fetch(`${url}/broken`)).json()).toMatchObject(failed('NOT_FOUND', 404));
});

it('a context of a class stays what it is', async () => {
  class Session {
    readonly #user = 'Ada';
    get user() {
      return this.#user;
    }
  }
  const cancelling = cancellation();
  const t = initTRPC.context<Session>().create();
  const procedure = t.procedure.use(cancelling.procedure);
  const more = procedure.use(({ ctx, next }) => next({ ctx: { more: ctx.user } }));
  const router = t.router({
    greet: procedure.query((call) => `Hello, ${call.ctx.user}${tokenOf(call).cancelled ? '' : '!'}`),
    more: more.query((call) => `Hello, ${call.ctx.more}${tokenOf(call).cancelled ? '' : '!'}`),
  });
  const createContext = cancelling.context(() => new Session());
  const { url } = await onServer(createHTTPHandler({ router, createContext }), ends);
  const greetings = ['greet', 'more'].map(async (path) => (await fetch(`${url}/${path}`)).json());
  const greeted = { result: { data: 'Hello, Ada!' } };
  expect(await Promise.all(greetings)).toEqual([greeted, greeted]);
});

it('each call of a batch gets the answer at the deadline, or its own', async () => {
  const clock = manual();
  const { router, createContext, tokens } = service({ handlerTimeoutMs: 300 });
  const { url } = await onServer(createHTTPHandler({ router, createContext }), ends);
  const answer = fetch(`${url}/hang,greet,hang?batch=1`);
  const [first, second] = [await tokens.take(), await tokens.take()];
  expect(first).toBe(second);
  await turns();
  clock.advance(300);
  expect(await (await answer).json()).toMatchObject([
    failed('GATEWAY_TIMEOUT', 504),
    { result: { data: 'Hello, Ada Ada!' } },
    failed('GATEWAY_TIMEOUT', 504),
  ]);
});

it('a client that has left is told apart from a failure where errors are logged', async () => {
  const { router, createContext, tokens } = service();
  const codes: string[] = [];
  const onError = ({ error }: { error: TRPCError }) => void codes.push(error.code);
  const { client } = await onServer(createHTTPHandler({ router, createContext, onError }), ends);
  client.ask({ path: '/hang' });
  const token = await tokens.take();
  client.leave();
  await heard(token);
  await turns();
  expect(codes).toEqual(['CLIENT_CLOSED_REQUEST']);
});

describe('inside an application with an adapter of its own, whose limits hold, it answers in its own form', () => {
  it('Express', async () => {
    const clock = manual();
    const { router, createContext, tokens } = service();
    const app = express();
    const outer = expressAdapter.cancellation({ handlerTimeoutMs: 300 });
    app.use(outer, createExpressMiddleware({ router, createContext }));
    const { url } = await onServer(app, ends);
    const answer = fetch(`${url}/hang`);
    const token = await tokens.take();
    clock.advance(300);
    expect(token.reason).toBe('TIMEOUT');
    expect(await (await answer).json()).toMatchObject(failed('GATEWAY_TIMEOUT', 504));
    const second = fetch(`${url}/hang`);
    await tokens.take();
    const report = outer.drain({ graceMs: 0, timeoutMs: 60_000 });
    expect(await (await second).json()).toMatchObject(failed('SERVICE_UNAVAILABLE', 503));
    expect(await report).toMatchObject({ cancelled: 1 });
  });

  it('Fastify', async () => {
    const clock = manual();
    const { router, createContext, tokens } = service();
    const app = fastify();
    await app.register(fastifyAdapter.cancellation({ handlerTimeoutMs: 300 }));
    await app.register(fastifyTRPCPlugin, { prefix: '/trpc', trpcOptions: { router, createContext } });
    ends.push(() => app.close());
    const answer = fetch(`${await app.listen()}/trpc/hang`, { headers: { connection: 'close' } });
    await tokens.take();
    clock.advance(300);
    expect(await (await answer).json()).toMatchObject(failed('GATEWAY_TIMEOUT', 504));
  });

  it('Hono, over a WebSocket', async () => {
    const { router, createContext, tokens } = service();
    const outer: CancellationToken[] = [];
    const app = new Hono().use(honoAdapter.cancellation(), async (c, next) => {
      outer.push(honoAdapter.tokenOf(c));
      await next();
    });
    app.get(
      '/',
      upgradeWebSocket(() => ({})),
    );
    const wss = new WebSocketServer({ noServer: true });
    applyWSSHandler({ wss, router, createContext });
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0, websocket: { server: wss as never } });
    await once(server, 'listening');
    const { ask } = await dialled((server.address() as AddressInfo).port);
    ends.push(() => void server.close());
    ask('hang');
    expect(outer).toEqual([await tokens.take()]);
  });

  it('a function of a web request, for tRPC’s adapter for fetch', async () => {
    const clock = manual();
    const { router, createContext, tokens } = service();
    const route = nextAdapter.cancellation({ handlerTimeoutMs: 300 })((req: Request) =>
      fetchRequestHandler({ endpoint: '', req, router, createContext }),
    );
    const answer = route(new Request('http://localhost/hang'));
    await tokens.take();
    clock.advance(300);
    expect(await (await answer).json()).toMatchObject(failed('GATEWAY_TIMEOUT', 504));
  });
});

it('tRPC’s adapter for fetch without one says what is missing', async () => {
  const { router, createContext } = service();
  const response = await fetchRequestHandler({
    endpoint: '',
    req: new Request('http://localhost/greet'),
    router,
    createContext,
  });
  expect(await response.json()).toMatchObject({
    error: { message: expect.stringContaining('cancellation()(handler) of nevermind/adapters/next') },
  });
});

it('on Fastify alone it goes by the request and response behind', async () => {
  const clock = manual();
  const { router, createContext, tokens, cancelling } = service({ handlerTimeoutMs: 300 });
  const app = fastify();
  await app.register(fastifyTRPCPlugin, { prefix: '/trpc', trpcOptions: { router, createContext } });
  ends.push(() => app.close());
  const answer = fetch(`${await app.listen()}/trpc/hang`, { headers: { connection: 'close' } });
  await tokens.take();
  clock.advance(300);
  expect(await (await answer).json()).toMatchObject(failed('GATEWAY_TIMEOUT', 504));
  await turns();
  expect(await cancelling.drain()).toMatchObject({ timedOut: 0 });
});

describe('over a WebSocket', () => {
  async function talking() {
    const { cancelling, router, createContext, tokens } = service({ handlerTimeoutMs: 300, requestTimeoutMs: 500 });
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(wss, 'listening');
    applyWSSHandler({ wss, router, createContext });
    ends.push(() => new Promise((resolve) => wss.close(resolve)));
    const dial = () => dialled((wss.address() as AddressInfo).port);
    return { cancelling, tokens, dial, ...(await dial()) };
  }
  const greeted = { result: { data: 'Hello, Ada Ada!' } };

  it('the calls have the token of the connection, which no limit holds for, and which is cancelled when it is closed', async () => {
    const clock = manual();
    const { client, ask, messages, tokens } = await talking();
    ask('hang');
    ask('hang');
    const [first, second] = [await tokens.take(), await tokens.take()];
    expect(first).toBe(second);
    clock.advance(10_000);
    ask('greet');
    expect(await messages.take()).toMatchObject(greeted);
    expect(first.cancelled).toBe(false);
    client.close();
    expect(await heard(first)).toMatchObject({ reason: 'PEER_CLOSED' });
  });

  it('a drain cancels them at once and does not wait; what comes then is turned away', async () => {
    const { cancelling, ask, messages, tokens, dial } = await talking();
    ask('hang');
    const token = await tokens.take();
    expect(await cancelling.drain()).toMatchObject({ drained: 0, cancelled: 0, timedOut: 0, refused: 0 });
    expect(token.reason).toBe('SHUTDOWN');
    expect(await messages.take()).toMatchObject(failed('SERVICE_UNAVAILABLE', 503));
    ask('greet');
    expect(await messages.take()).toMatchObject(greeted);
    expect(await (await dial()).messages.take()).toMatchObject(failed('SERVICE_UNAVAILABLE', 503));
  });

  it('a call that fails at a deadline of its own says nothing of the others', async () => {
    const { ask, messages } = await talking();
    ask('slow');
    expect(await messages.take()).toMatchObject(failed('GATEWAY_TIMEOUT', 504));
    ask('broken');
    expect(await messages.take()).toMatchObject(failed('NOT_FOUND', 404));
    ask('greet');
    expect(await messages.take()).toMatchObject(greeted);
  });
});

it('says what it takes for a request', async () => {
  const { createContext } = service();
  const created = createContext({ req: {} as never, res: { readyState: 1 } });
  await expect(created).rejects.toThrow('Expected `req` to be a request of node:http');
});
