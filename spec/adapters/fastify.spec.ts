import { Readable } from 'node:stream';
import fastify, { type FastifyInstance } from 'fastify';
import { describe, expect, it, vi } from 'vitest';
import { cancellation, tokenOf } from '../../lib/adapters/fastify.ts';
import { CancellationError, type CancellationToken, currentToken } from '../../lib/core/index.ts';
import { gate, Inbox } from '../server/support/gate.ts';
import { connect } from '../server/support/peers.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import { hangs, heard } from './support/servers/heard.ts';

/** An application, the lines of its log that are no mere account of requests, and what its handler of errors was given. */
function logged() {
  const troubles: string[] = [];
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line);
    if (level >= 40) troubles.push(msg);
  };
  const app = fastify({ logger: { level: 'info', stream: { write } } });
  const errors: unknown[] = [];
  app.setErrorHandler((error, _request, reply) => {
    errors.push(error);
    reply.send(error);
  });
  return { app, troubles, errors };
}

async function dial(app: FastifyInstance) {
  const url = new URL(await app.listen());
  const client = await connect('HTTP/1.1', Number(url.port));
  ends.push(
    () => app.close(),
    () => client.leave(),
  );
  return client;
}

describe('the current token', () => {
  it('is there from the first hook to the handler, also behind a body that comes in pieces', async () => {
    const { app } = logged();
    const seen: [string, boolean][] = [];
    await app.register(cancellation());
    for (const name of ['onRequest', 'preValidation', 'preHandler'] as const) {
      app.addHook(name, async (request) => void seen.push([name, currentToken() === tokenOf(request)]));
    }
    app.post('/', async (request) => {
      seen.push(['handler', currentToken() === tokenOf(request)]);
      return request.body;
    });
    const client = await dial(app);
    const asked = client.ask({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"name":',
      unfinished: true,
    });
    for (const piece of ['"Ada"}', '']) asked.send(piece);
    await asked.until('{"name":"Ada"}');
    expect(seen).toEqual(['onRequest', 'preValidation', 'preHandler', 'handler'].map((name) => [name, true]));
  });

  it('is there for the routes of plugins, and where nothing was found', async () => {
    const { app } = logged();
    const tokens: CancellationToken[] = [];
    await app.register(cancellation());
    app.register((inner, _options, done) => {
      inner.get('/inner', async (request) => void tokens.push(tokenOf(request)));
      done();
    });
    app.setNotFoundHandler(async (request) => {
      tokens.push(tokenOf(request));
      return 'nothing';
    });
    await app.inject('/inner');
    await app.inject('/nowhere');
    expect(tokens).toHaveLength(2);
  });
});

describe('the log', () => {
  it('says nothing of a client that has left', async () => {
    const { app, troubles, errors } = logged();
    const started = gate<CancellationToken>();
    await app.register(cancellation());
    app.get('/', (request) => {
      started.open(tokenOf(request));
      return hangs(tokenOf(request));
    });
    const client = await dial(app);
    client.ask();
    const token = await started.opened;
    client.leave();
    await heard(token);
    await turns();
    expect({ errors, troubles }).toEqual({ errors: [], troubles: [] });
  });

  it('says nothing of a handler that stops at its deadline, or that brings something later', async () => {
    const clock = manual();
    const { app, troubles, errors } = logged();
    const tokens = new Inbox<CancellationToken>();
    await app.register(cancellation({ handlerTimeoutMs: 300 }));
    app.get('/stops', (request) => {
      tokens.put(tokenOf(request));
      return hangs(tokenOf(request));
    });
    app.get('/late', async (request) => {
      tokens.put(tokenOf(request));
      await heard(tokenOf(request));
      return 'late';
    });
    for (const path of ['/stops', '/late']) {
      const answer = app.inject(path);
      await tokens.take();
      clock.advance(300);
      expect(await answer).toMatchObject({ statusCode: 504 });
      await turns();
    }
    expect({ errors, troubles }).toEqual({ errors: [], troubles: [] });
  });

  it('has what handlers throw for other reasons', async () => {
    const { app, errors } = logged();
    await app.register(cancellation());
    app.get('/', () => Promise.reject(new Error('no such table')));
    expect((await app.inject('/')).statusCode).toBe(500);
    expect(errors).toMatchObject([{ message: 'no such table' }]);
  });
});

it('answers in the form of Fastify', async () => {
  const { app } = logged();
  await app.register(cancellation());
  app.get('/', () => 'never');
  const { statusCode, headers, body } = await app.inject({ path: '/', headers: { 'connect-timeout-ms': 'soon' } });
  expect(statusCode).toBe(400);
  expect(headers['content-type']).toBe('application/json; charset=utf-8');
  expect(JSON.parse(body)).toEqual({
    statusCode: 400,
    error: 'Bad Request',
    message: expect.stringContaining('Expected `connect-timeout-ms`'),
  });
});

describe('app.close()', () => {
  it.each([
    ['', {}],
    [', also where connections are let go by force', { forceCloseConnections: true }],
  ])('drains: a handler may finish, and who stays is cancelled%s', async (_, options) => {
    const clock = manual();
    const app = fastify(options);
    const tokens = new Inbox<CancellationToken>();
    const cancelling = cancellation({ drain: { graceMs: 300, timeoutMs: 500 } });
    await app.register(cancelling);
    app.get('/', (request) => {
      tokens.put(tokenOf(request));
      return hangs(tokenOf(request));
    });
    const client = await dial(app);
    const asked = client.ask();
    const token = await tokens.take();
    const closed = app.close();
    await clock.armed(300);
    expect(token.cancelled).toBe(false);
    clock.advance(300);
    await asked.until('The server is shutting down.');
    expect(asked.status).toBe(503);
    await closed;
    expect(token.reason).toBe('SHUTDOWN');
    expect(await cancelling.drain()).toMatchObject({ cancelled: 1 });
  });

  it('takes the time that a drain needs, whatever `pluginTimeout` says, before it closes what handlers work with', async () => {
    const clock = manual();
    const app = fastify();
    const tokens = new Inbox<CancellationToken>();
    const closing: unknown[] = [];
    await app.register(cancellation({ drain: { graceMs: 15_000, timeoutMs: 0 } }));
    app.addHook('onClose', async () => void closing.push((await tokens.take()).reason));
    app.get('/', (request) => {
      tokens.put(tokenOf(request));
      return hangs(tokenOf(request));
    });
    const client = await dial(app);
    const idle = await connect('HTTP/1.1', Number(new URL(app.listeningOrigin).port));
    ends.push(() => idle.leave());
    await idle.ask({ path: '/nowhere' }).until('not found');
    const asked = client.ask();
    const token = await tokens.take();
    tokens.put(token);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    ends.push(() => void vi.useRealTimers());
    const closed = app.close();
    await clock.armed(15_000);
    vi.advanceTimersByTime(10_000);
    await turns();
    expect([closing, token.cancelled]).toEqual([[], false]);
    clock.advance(15_000);
    await asked.until('The server is shutting down.');
    await closed;
    await Promise.all([client.gone, idle.gone]);
    expect([asked.status, closing]).toEqual([503, ['SHUTDOWN']]);
  });

  it('answers 503 where a hook was waiting under the token', async () => {
    const { app } = logged();
    const tokens = new Inbox<CancellationToken>();
    await app.register(cancellation({ drain: { graceMs: 0, timeoutMs: 60_000 } }));
    app.addHook('preHandler', async (request) => {
      tokens.put(tokenOf(request));
      await hangs(tokenOf(request));
    });
    app.get('/', () => 'never');
    const client = await dial(app);
    const asked = client.ask();
    await tokens.take();
    await app.close();
    await asked.until('The server is shutting down.');
    expect(asked.status).toBe(503);
  });
});

describe('a request of app.inject()', () => {
  it('is answered at its deadline at once, also when it has a body', async () => {
    const clock = manual();
    const app = fastify();
    const tokens = new Inbox<CancellationToken>();
    await app.register(cancellation({ handlerTimeoutMs: 300 }));
    app.post('/', (request) => {
      tokens.put(tokenOf(request));
      return hangs(tokenOf(request));
    });
    const answer = app.inject({ method: 'POST', path: '/', payload: { name: 'Ada' } });
    await tokens.take();
    clock.advance(300);
    expect((await answer).statusCode).toBe(504);
  });

  it('fails where its answer is broken off', async () => {
    const clock = manual();
    const app = fastify();
    const begun = gate();
    await app.register(cancellation({ requestTimeoutMs: 300 }));
    app.get('/', (_request, reply) => {
      const body = new Readable({ read: () => begun.open() });
      body.push('one');
      reply.send(body);
    });
    const answer = app.inject('/').catch((error: Error) => error.message);
    await begun.opened;
    clock.advance(300);
    expect(await answer).toBe('response destroyed before completion');
  });
});

it('a handler that answers an error of its own is asked no more', async () => {
  const { app } = logged();
  await app.register(cancellation());
  app.get('/', () => {
    throw new CancellationError('TIMEOUT');
  });
  expect((await app.inject('/')).statusCode).toBe(504);
});

it('over HTTP/2 a handler that returns its reply after its client has left has ended', async () => {
  const app = fastify({ http2: true });
  const started = gate<CancellationToken>();
  const cancelling = cancellation();
  await app.register(cancelling);
  app.get('/', async (request, reply) => {
    started.open(tokenOf(request));
    await heard(tokenOf(request));
    return reply.send('late');
  });
  const client = await connect('h2c', Number(new URL(await app.listen()).port));
  ends.push(
    () => app.close(),
    () => client.leave(),
  );
  client.ask().reset();
  await heard(await started.opened);
  await turns();
  expect(await cancelling.drain()).toMatchObject({ drained: 0, timedOut: 0, stillRunning: [] });
});
