import express, { type ErrorRequestHandler } from 'express';
import { describe, expect, it } from 'vitest';
import { cancellation, tokenOf } from '../../lib/adapters/express.ts';
import { CancellationSource, type CancellationToken, currentToken } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { type Abandoned, mount, tokenOf as tokenOfNode } from '../../lib/server/index.ts';
import { all, Counter } from '../rpc/support/counter.ts';
import { gate, Inbox } from '../server/support/gate.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import { hangs, heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

describe('the order of middlewares', () => {
  it.each(['before', 'after'])('a body parser may stand %s it', async (where) => {
    const app = express();
    const seen = gate<{ token: CancellationToken; current: CancellationToken; body: unknown }>();
    if (where === 'after') app.use(cancellation(), express.json());
    else app.use(express.json(), cancellation());
    app.post('/', (req, res) => {
      seen.open({ token: tokenOf(req), current: currentToken(), body: req.body });
      void res;
    });
    const { client } = await onServer(app, ends);
    const asked = client.ask({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":',
      unfinished: true,
    });
    for (const piece of ['"Ada"}', '']) asked.send(piece);
    const { token, current, body } = await seen.opened;
    expect(body).toEqual({ name: 'Ada' });
    expect(current).toBe(token);
    client.leave();
    expect(await heard(token)).toMatchObject({ reason: 'PEER_CLOSED' });
  });

  it('in a router of its own, and asked for with the request and response of node:http, it is the same token', async () => {
    const app = express();
    const router = express.Router();
    router.get('/', (req, res) => void res.json(tokenOf(req) === tokenOfNode(req, res)));
    app.use('/shop', cancellation(), router);
    const { client } = await onServer(app, ends);
    await client.ask({ path: '/shop' }).until('true');
  });

  it('a request that was answered before it goes on, under a token that nothing cancels', async () => {
    const app = express();
    const seen = gate<CancellationToken>();
    app.use((_req, res, next) => {
      res.end('early');
      next();
    });
    const cancelling = cancellation({ handlerTimeoutMs: 1 });
    app.use(cancelling);
    app.use((req) => seen.open(tokenOf(req)));
    const { client, server } = await onServer(app, ends);
    await client.ask().until('early');
    const token = await seen.opened;
    client.leave();
    expect(await cancelling.drain({ server })).toMatchObject({ drained: 0, cancelled: 0, timedOut: 0 });
    expect(token.cancelled).toBe(false);
  });

  it('S3-32: a request whose client has left before it is not begun', async () => {
    const app = express();
    const [arrived, go] = [gate(), gate()];
    let begun = false;
    app.use(async (_req, res, next) => {
      arrived.open();
      await new Promise((resolve) => res.once('close', resolve));
      go.open();
      next();
    });
    app.use(cancellation());
    app.use(() => {
      begun = true;
    });
    const { client } = await onServer(app, ends);
    client.ask();
    await arrived.opened;
    client.leave();
    await go.opened;
    await turns();
    expect(begun).toBe(false);
  });
});

describe('errors', () => {
  /** An application with handlers of errors behind the adapter's. */
  async function failing(work: (token: CancellationToken) => Promise<unknown>) {
    const app = express();
    const caught = new Inbox<unknown>();
    const cancelling = cancellation();
    app.use(cancelling);
    app.get('/', async (req, res) => void res.send(await work(tokenOf(req))));
    const own: ErrorRequestHandler = (error, _req, res, _next) => {
      caught.put(error);
      res.status(500).send('mine');
    };
    app.use(cancelling.errors, own);
    return { ...(await onServer(app, ends)), caught, cancelling };
  }

  it('a client that leaves is none: nothing is logged, nothing is answered', async () => {
    const started = gate<CancellationToken>();
    const { client, caught } = await failing((token) => {
      started.open(token);
      return hangs(token);
    });
    client.ask();
    const token = await started.opened;
    client.leave();
    await heard(token);
    await turns();
    expect(caught.size).toBe(0);
  });

  it('those of others go on to the application’s own', async () => {
    const error = new Error('no such table');
    const { client, caught } = await failing(() => Promise.reject(error));
    const asked = client.ask();
    await asked.until('mine');
    expect(await caught.take()).toBe(error);
    expect(asked.status).toBe(500);
  });

  it('a cancel that is not the request’s own goes on too', async () => {
    const source = new CancellationSource();
    source.cancel();
    const { client, caught } = await failing(() => Promise.reject(source.token.error));
    await client.ask().until('mine');
    expect(await caught.take()).toBe(source.token.error);
  });

  it('without the middleware for errors the answer at the deadline gets through all the same', async () => {
    const clock = manual();
    const app = express().set('env', 'test');
    const started = gate();
    app.use(cancellation({ handlerTimeoutMs: 300 }));
    app.get('/', async (req) => {
      started.open();
      await hangs(tokenOf(req));
    });
    const { client } = await onServer(app, ends);
    const asked = client.ask();
    await started.opened;
    clock.advance(300);
    expect(await asked.over).toContain('"code":"deadline_exceeded"');
    expect(asked.status).toBe(504);
  });
});

describe('the answer at the deadline', () => {
  it.each<[string, express.Handler]>([
    ['json', (_req, res) => void res.status(201).json({ late: true })],
    ['sendStatus', (_req, res) => void res.sendStatus(204)],
    ['redirect', (_req, res) => res.redirect('/elsewhere')],
    ['cookie', (_req, res) => void res.cookie('a', 'b').append('x', 'y').send('late')],
    ['write', (_req, res) => [res.write('late'), res.end()]],
    ['a callback of end', (_req, res) => void res.end('late', () => {})],
    ['writeHead', (_req, res) => void res.writeHead(200, { a: 'b' }).end('late')],
  ])('stands, whatever the handler does then: %s', async (_, late) => {
    const clock = manual();
    const told = new Inbox<Abandoned>();
    const app = express();
    const failures: unknown[] = [];
    const [started, go, done] = [gate(), gate(), gate()];
    app.use(cancellation({ handlerTimeoutMs: 300, onAbandoned: (abandoned) => told.put(abandoned) }));
    app.get('/', async (req, res, next) => {
      started.open();
      await go.opened;
      try {
        await late(req, res, next);
      } catch (error) {
        failures.push(error);
      }
      done.open();
    });
    const { client } = await onServer(app, ends);
    const asked = client.ask();
    await started.opened;
    clock.advance(300);
    go.open();
    await done.opened;
    expect(await asked.over).toMatch(/504 Gateway Timeout[\s\S]*\{"code":"deadline_exceeded","message":"[^"]*"\}$/);
    expect(failures).toEqual([]);
    expect(await told.take()).toMatchObject({ name: 'GET /', error: { reason: 'TIMEOUT' } });
  });

  it('keeps what was said of the caller, and not what was said of the body', async () => {
    const clock = manual();
    const app = express();
    const started = gate();
    app.use(cancellation({ handlerTimeoutMs: 300 }));
    app.get('/', (_req, res) => {
      res.status(201).set({ 'Access-Control-Allow-Origin': '*', ETag: '"1"', 'Content-Encoding': 'gzip' });
      res.set({ 'Content-Security-Policy': 'none', 'Cache-Control': 'public, max-age=3600' });
      res.statusMessage = 'Made';
      started.open();
    });
    const { client } = await onServer(app, ends);
    const asked = client.ask();
    await started.opened;
    clock.advance(300);
    const answer = await asked.over;
    expect(answer).toContain('504 Gateway Timeout');
    expect(asked.headers).toMatchObject({ 'access-control-allow-origin': '*', 'content-type': 'application/json' });
    expect(asked.headers).not.toHaveProperty('etag');
    expect(asked.headers).not.toHaveProperty('content-encoding');
    expect(asked.headers).not.toHaveProperty('cache-control');
    expect(asked.headers).toHaveProperty('content-security-policy');
  });

  it('reaches a client that is still sending', async () => {
    const clock = manual();
    const app = express();
    const started = gate();
    app.use(cancellation({ handlerTimeoutMs: 300 }));
    app.post('/', () => started.open());
    const { client } = await onServer(app, ends);
    const asked = client.ask({ method: 'POST', body: 'x'.repeat(100_000), unfinished: true });
    await started.opened;
    clock.advance(300);
    await asked.until('deadline_exceeded');
    for (const piece of ['more', '']) asked.send(piece);
    await client.gone;
    expect(asked.status).toBe(504);
  });

  it('goes past whatever has been put before `end`', async () => {
    const clock = manual();
    const app = express();
    const started = gate();
    app.use(cancellation({ handlerTimeoutMs: 300 }));
    app.use((_req, res, next) => {
      // As a session store does whose database hangs.
      res.end = () => res;
      next();
    });
    app.get('/', () => started.open());
    const { client } = await onServer(app, ends);
    const asked = client.ask();
    await started.opened;
    clock.advance(300);
    expect(await asked.over).toContain('deadline_exceeded');
  });
});

it('server-sent events end with their client, and with their deadline', async () => {
  const clock = manual();
  const app = express();
  const tokens = new Inbox<CancellationToken>();
  app.use(cancellation({ handlerTimeoutMs: 300, requestTimeoutMs: 1_000 }));
  app.get('/', (req, res) => {
    res.set('content-type', 'text/event-stream').flushHeaders();
    res.write('data: one\n\n');
    tokens.put(tokenOf(req));
  });
  const { client, port } = await onServer(app, ends);
  const asked = client.ask();
  await asked.until('data: one');
  const first = await tokens.take();
  expect(first.remaining()).toBe(1_000);
  client.leave();
  expect(await heard(first)).toMatchObject({ reason: 'PEER_CLOSED' });
  const response = await fetch(`http://127.0.0.1:${port}`);
  const second = await tokens.take();
  clock.advance(1_000);
  expect(second.reason).toBe('TIMEOUT');
  await expect(response.text()).rejects.toThrow();
});

describe('a mounted handler of contracts', () => {
  const entered = new Inbox<CancellationToken>();
  const handler = createHandler([
    implement(Counter, {
      async double(_, { token }) {
        entered.put(token);
        await hangs(token);
        return { n: 0 };
      },
      async *upTo(_, { token }) {
        yield { n: 1 };
        entered.put(token);
        await hangs(token);
      },
      sum: async () => ({ n: 0 }),
      chat: (requests) => requests,
    }),
  ]);

  it('speaks for itself at the limits of the adapter, as its callers expect it', async () => {
    const app = express();
    const cancelling = cancellation({ requestTimeoutMs: 100 });
    app.use(cancelling, mount(handler));
    const { url } = await onServer(app, ends);
    const counter = createClient(Counter, { baseUrl: url });
    const unary = counter.double({ n: 1 }).catch((error: RpcError) => error.code);
    expect(await unary).toBe('deadline_exceeded');
    const stream = all(counter.upTo({ n: 3 })).catch((error: RpcError) => error.code);
    expect(await stream).toBe('deadline_exceeded');
    expect([(await entered.take()).reason, (await entered.take()).reason]).toEqual(['TIMEOUT', 'TIMEOUT']);
  });

  it('hears of a shutdown', async () => {
    const app = express();
    const cancelling = cancellation();
    app.use(cancelling, mount(handler));
    const { url } = await onServer(app, ends);
    const counter = createClient(Counter, { baseUrl: url });
    const unary = counter.double({ n: 1 }).catch((error: RpcError) => error.code);
    await entered.take();
    await cancelling.drain({ graceMs: 0, timeoutMs: 60_000 });
    expect(await unary).toBe('unavailable');
  });
});
