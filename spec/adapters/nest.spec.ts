import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Controller, Get, type INestApplication, Req, Sse } from '@nestjs/common';
import { APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { cancellation, tokenOf } from '../../lib/adapters/nest.ts';
import { type CancellationToken, currentToken } from '../../lib/core/index.ts';
import type { ReceptionOptions } from '../../lib/server/index.ts';
import { gate, Inbox } from '../server/support/gate.ts';
import { connect } from '../server/support/peers.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import { hangs, heard } from './support/servers/heard.ts';

const PLATFORMS = { Express: () => new ExpressAdapter(), Fastify: () => new FastifyAdapter() };

describe.each(Object.entries(PLATFORMS))('on %s', (_, platform) => {
  /** An application with the interceptor as a provider, that tells what its filters were given. */
  async function set(options?: ReceptionOptions) {
    const tokens = new Inbox<CancellationToken>();
    const stopped = gate();
    class Shop {
      async waits(request: never) {
        expect(currentToken()).toBe(tokenOf(request));
        tokens.put(tokenOf(request));
        return await hangs(tokenOf(request));
      }
      async late(request: never) {
        tokens.put(tokenOf(request));
        await heard(tokenOf(request));
        return 'late';
      }
      broken() {
        throw new Error('no such table');
      }
      greet() {
        return { greeting: 'Hello, Ada!' };
      }
      events(request: never) {
        tokens.put(tokenOf(request));
        return new Observable((subscriber) => {
          subscriber.next({ data: 'one' });
          return () => stopped.open();
        });
      }
    }
    Controller()(Shop);
    const { prototype } = Shop;
    for (const name of ['waits', 'late', 'broken', 'greet', 'events'] as const) {
      const route = name === 'events' ? Sse(name) : Get(name);
      route(prototype, name, Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor);
      if (name !== 'broken' && name !== 'greet') Req()(prototype, name, 0);
    }
    const cancelling = cancellation(options);
    const module = {
      module: class Application {},
      controllers: [Shop],
      providers: [{ provide: APP_INTERCEPTOR, useValue: cancelling }],
    };
    const app: INestApplication = await NestFactory.create(module, platform(), { logger: false });
    const errors: unknown[] = [];
    app.useGlobalFilters({
      catch(error: Error, host) {
        errors.push(error);
        const response = host.switchToHttp().getResponse<ServerResponse & { raw?: ServerResponse }>();
        const raw = response.raw ?? response;
        raw.statusCode = 500;
        raw.end('mine');
      },
    });
    await app.listen(0, '127.0.0.1');
    const client = await connect('HTTP/1.1', Number(new URL(await app.getUrl()).port));
    ends.push(
      () => app.close(),
      () => client.leave(),
    );
    return { app, client, cancelling, tokens, errors, stopped };
  }

  it('a client that has left is nothing for the filters', async () => {
    const { client, tokens, errors } = await set();
    client.ask({ path: '/waits' });
    const token = await tokens.take();
    client.leave();
    await heard(token);
    await turns();
    expect(token.reason).toBe('PEER_CLOSED');
    expect(errors).toEqual([]);
  });

  it('answers and errors of handlers pass through', async () => {
    const { client, errors } = await set();
    await client.ask({ path: '/greet' }).until('{"greeting":"Hello, Ada!"}');
    await client.ask({ path: '/broken' }).until('mine');
    expect(errors).toMatchObject([{ message: 'no such table' }]);
  });

  it.each(['/waits', '/late'])('%s: the deadline is answered in the form of Nest, once', async (path) => {
    const clock = manual();
    const { client, tokens, errors } = await set({ handlerTimeoutMs: 300 });
    const asked = client.ask({ path });
    await tokens.take();
    clock.advance(300);
    await asked.until('{"statusCode":504,"message":"The request was not answered within 300 ms."}');
    await turns();
    await client.gone;
    expect(await asked.over).not.toContain('late');
    expect(errors).toEqual([]);
  });

  it('closing the application drains', async () => {
    const { app, client, tokens, cancelling } = await set({ drain: { graceMs: 0, timeoutMs: 60_000 } });
    const asked = client.ask({ path: '/waits' });
    const token = await tokens.take();
    await app.close();
    await asked.until('{"statusCode":503,"message":"The server is shutting down."}');
    expect(token.reason).toBe('SHUTDOWN');
    expect(await cancelling.drain()).toMatchObject({ cancelled: 1, stillRunning: [] });
  });

  it('server-sent events end with their client', async () => {
    const { client, tokens, stopped } = await set();
    await client.ask({ path: '/events' }).until('data: one');
    client.leave();
    expect(await heard(await tokens.take())).toMatchObject({ reason: 'PEER_CLOSED' });
    await stopped.opened;
  });
});

it('contexts other than HTTP are passed through', () => {
  const through = new EventEmitter() as never;
  const context = { getType: () => 'rpc' } as never;
  expect(cancellation().intercept(context, { handle: () => through })).toBe(through);
});
