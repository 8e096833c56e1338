import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { getRequestListener, serve, upgradeWebSocket } from '@hono/node-server';
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { streamSSE } from 'hono/streaming';
import { describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { cancellation, tokenOf } from '../../lib/adapters/hono.ts';
import { type CancellationToken, currentToken } from '../../lib/core/index.ts';
import { gate } from '../server/support/gate.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import type { Listener } from './support/servers/framework.ts';
import { hangs, heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

const listenerOf = (app: Hono) => getRequestListener(app.fetch) as Listener;

describe('on @hono/node-server', () => {
  it('the answer at the deadline passes the middlewares that were before, and has their headers', async () => {
    const clock = manual();
    const app = new Hono();
    const started = gate();
    app.use(cors({ origin: 'https://shop.test' }), cancellation({ handlerTimeoutMs: 300 }));
    app.get('/', async (c) => {
      started.open();
      await heard(tokenOf(c));
      return c.text('late');
    });
    const { client } = await onServer(listenerOf(app), ends);
    const asked = client.ask({ headers: { origin: 'https://shop.test' } });
    await started.opened;
    clock.advance(300);
    await asked.until('deadline_exceeded');
    expect(asked.status).toBe(504);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': 'https://shop.test',
      'content-type': 'application/json',
    });
  });

  it('`errors` keeps a cancelled request from `onError`, and nothing else', async () => {
    const app = new Hono();
    const caught: unknown[] = [];
    const started = gate<CancellationToken>();
    const cancelling = cancellation();
    app.use(cancelling);
    app.onError((error, c) => {
      const answer = cancelling.errors(error, c);
      if (answer !== undefined) return answer;
      caught.push(error);
      return c.text('mine', 500);
    });
    app.get('/', async (c) => {
      started.open(tokenOf(c));
      return await hangs(tokenOf(c));
    });
    app.get('/broken', () => {
      throw new Error('no such table');
    });
    const { client, port } = await onServer(listenerOf(app), ends);
    client.ask();
    const token = await started.opened;
    client.leave();
    await heard(token);
    await turns();
    expect(caught).toEqual([]);
    expect(await (await fetch(`http://127.0.0.1:${port}/broken`)).text()).toBe('mine');
    expect(caught).toMatchObject([{ message: 'no such table' }]);
  });

  it('without `errors` a shutdown is 503 all the same; Hono prints what was thrown', async () => {
    const app = new Hono();
    const started = gate();
    const cancelling = cancellation();
    app.use(cancelling);
    app.get('/', async (c) => {
      started.open();
      return await hangs(tokenOf(c));
    });
    const print = vi.spyOn(console, 'error').mockImplementation(() => {});
    ends.push(() => print.mockRestore());
    const { client, server } = await onServer(listenerOf(app), ends);
    const asked = client.ask();
    await started.opened;
    await cancelling.drain({ graceMs: 0, timeoutMs: 60_000, server });
    expect(await asked.over).toContain('"code":"unavailable"');
    expect(asked.status).toBe(503);
    expect(print).toHaveBeenCalledOnce();
  });

  it('server-sent events end with their client', async () => {
    const app = new Hono();
    const tokens = gate<CancellationToken>();
    app.use(cancellation());
    app.get('/', (c) =>
      streamSSE(c, async (stream) => {
        tokens.open(tokenOf(c));
        await stream.writeSSE({ data: 'one' });
        await heard(tokenOf(c));
      }),
    );
    const { client } = await onServer(listenerOf(app), ends);
    await client.ask().until('data: one');
    client.leave();
    expect(await heard(await tokens.opened)).toMatchObject({ reason: 'PEER_CLOSED' });
  });
});

describe('a WebSocket of @hono/node-server', () => {
  /** @param before what the handler does before the socket is opened */
  async function talking(before: (token: CancellationToken) => unknown = () => {}) {
    const cancelling = cancellation({ handlerTimeoutMs: 300, requestTimeoutMs: 500 });
    const app = new Hono().use(cancelling);
    app.onError((error, c) => cancelling.errors(error, c) ?? c.text('mine', 500));
    const tokens = gate<CancellationToken>();
    const echo = upgradeWebSocket(() => ({ onMessage: ({ data }, socket) => socket.send(`${data}!`) }));
    app.get(
      '/',
      async (c, next) => {
        tokens.open(tokenOf(c));
        await before(tokenOf(c));
        await next();
      },
      echo,
    );
    const sockets = new WebSocketServer({ noServer: true });
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0, websocket: { server: sockets as never } });
    await once(server, 'listening');
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    client.on('error', () => {});
    ends.push(
      () => void server.close(),
      () => client.terminate(),
    );
    return { cancelling, client, token: await tokens.opened };
  }

  it('has a token until it is closed, and no limit', async () => {
    const clock = manual();
    const { client, token } = await talking();
    await once(client, 'open');
    clock.advance(10_000);
    client.send('Ada');
    expect(String((await once(client, 'message'))[0])).toBe('Ada!');
    expect([token.cancelled, token.canBeCancelled]).toEqual([false, true]);
    client.close();
    expect(await heard(token)).toMatchObject({ reason: 'PEER_CLOSED' });
  });

  it('is told of a drain at once, which waits for none', async () => {
    const { cancelling, client, token } = await talking();
    await once(client, 'open');
    expect(await cancelling.drain()).toMatchObject({ drained: 0, cancelled: 0, timedOut: 0 });
    expect(token.reason).toBe('SHUTDOWN');
    client.send('Ada');
    expect(String((await once(client, 'message'))[0])).toBe('Ada!');
  });

  it('that a drain finds not yet opened is refused with 503', async () => {
    const { cancelling, client } = await talking(hangs);
    const refused = once(client, 'unexpected-response');
    await cancelling.drain();
    expect((await refused)[1]).toMatchObject({ statusCode: 503 });
  });
});

describe('without a server of Node', () => {
  function application(seen?: (token: CancellationToken) => void) {
    const app = new Hono();
    app.use(cancellation({ handlerTimeoutMs: 300 }));
    app.get('/', (c) => {
      expect(currentToken()).toBe(tokenOf(c));
      seen?.(tokenOf(c));
      return c.text('done');
    });
    app.get('/waits', async (c) => {
      seen?.(tokenOf(c));
      await heard(tokenOf(c));
      return c.text('late');
    });
    return app;
  }

  it('`app.request` works as before, and once its body was read nothing cancels the token', async () => {
    const clock = manual();
    const tokens: CancellationToken[] = [];
    const controller = new AbortController();
    const response = await application((token) => tokens.push(token)).request('/', { signal: controller.signal });
    expect(await response.text()).toBe('done');
    controller.abort();
    clock.advance(300);
    expect(tokens[0]?.cancelled).toBe(false);
  });

  it('a HEAD is over with its answer, whose body nobody reads', async () => {
    const app = new Hono().use(cancellation({ maxRequests: 1 })).get('/', (c) => c.text('done'));
    const head = () => app.request('/', { method: 'HEAD' });
    expect([(await head()).status, (await head()).status]).toEqual([200, 200]);
  });

  it('a request is over when its answer’s body is dropped for another answer', async () => {
    const cancelling = cancellation({ maxRequests: 1 });
    const app = new Hono();
    app.use(async (c, next) => {
      await next();
      if (c.res.status === 200) c.res = new Response(null, { status: 304 });
    });
    app.use(cancelling).get('/', (c) => c.text('done'));
    const get = async () => (await app.request('/')).status;
    expect([await get(), await get()]).toEqual([304, 503]);
    // The finalizer runs in a later turn, and a conservative stack may hold the body for a while.
    let status = 503;
    for (let tries = 0; tries < 100 && status === 503; tries++) {
      globalThis.gc?.();
      await turns();
      status = await get();
    }
    expect(status).toBe(304);
  });

  it('the signal of the request is the client’s leaving', async () => {
    const started = gate<CancellationToken>();
    const controller = new AbortController();
    const answer = application(started.open).request('/waits', { signal: controller.signal });
    const token = await started.opened;
    controller.abort();
    expect(token.reason).toBe('PEER_CLOSED');
    expect((await answer).status).toBe(499);
  });

  it('a deadline is answered', async () => {
    const clock = manual();
    const started = gate();
    const answer = application(() => started.open()).request('/waits');
    await started.opened;
    clock.advance(300);
    expect(await (await answer).json()).toMatchObject({ code: 'deadline_exceeded' });
  });
});
