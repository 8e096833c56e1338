// Adapters in the wrong place: each says what was expected and what to do, where the framework shows its errors.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { Controller, Get } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { initTRPC } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import express, { type ErrorRequestHandler } from 'express';
import fastify from 'fastify';
import { createSchema, createYoga } from 'graphql-yoga';
import { Hono } from 'hono';
import Koa from 'koa';
import { describe, expect, it } from 'vitest';
import * as expressAdapter from '../../lib/adapters/express.ts';
import * as fastifyAdapter from '../../lib/adapters/fastify.ts';
import * as honoAdapter from '../../lib/adapters/hono.ts';
import * as koaAdapter from '../../lib/adapters/koa.ts';
import * as nestAdapter from '../../lib/adapters/nest.ts';
import * as nextAdapter from '../../lib/adapters/next.ts';
import * as nodeAdapter from '../../lib/adapters/node-http.ts';
import * as trpcAdapter from '../../lib/adapters/trpc.ts';
import * as yogaAdapter from '../../lib/adapters/yoga.ts';
import { ends } from './support/servers/ends.ts';
import { listening } from './support/servers/listening.ts';

/** Sends one request; what came of it does not matter, only what was thrown. */
async function ask(listener: (req: IncomingMessage, res: ServerResponse) => unknown, path = '/'): Promise<string> {
  const { url, close } = await listening(http.createServer(listener));
  ends.push(close);
  return (await fetch(url + path)).text();
}

const TWICE = 'Expected one adapter for a request, got a second one: `cancellation()` is mounted twice';

describe('asked for the token of a request that no adapter has taken in, each says how to mount it', () => {
  const request = new Request('http://localhost');
  const message = {} as IncomingMessage;
  it.each<[string, () => unknown, string]>([
    ['node:http', () => nodeAdapter.tokenOf(message), '`req`*http.createServer(cancellation()(listener)).'],
    ['Express', () => expressAdapter.tokenOf(message), '`req`*app.use(cancellation()), before'],
    ['Fastify', () => fastifyAdapter.tokenOf({ raw: message }), '`request`*app.register(cancellation()), before'],
    ['Koa', () => koaAdapter.tokenOf({ req: message } as never), '`ctx`*app.use(cancellation()), before'],
    [
      'Hono',
      () => honoAdapter.tokenOf({ env: {}, req: { raw: request } } as never),
      '`c`*app.use(cancellation()), before',
    ],
    ['tRPC', () => trpcAdapter.tokenOf({ ctx: {} }), '`ctx`*createContext: cancellation().context(createContext)'],
    ['Yoga', () => yogaAdapter.tokenOf({ request }), '`context`*createYoga({ plugins: [cancellation()] }).'],
    ['NestJS', () => nestAdapter.tokenOf(message), '`request`*app.useGlobalInterceptors(cancellation())'],
    ['Next.js', () => nextAdapter.tokenOf(request), '`request`*export const GET = cancellation()(handler).'],
  ])('%s', (_, call, words) => {
    const [argument, how] = words.split('*') as [string, string];
    expect(call).toThrow(TypeError);
    expect(call).toThrow(`Expected ${argument} to be of a request that this adapter has taken in, got an object of`);
    expect(call).toThrow(how);
  });

  it.each<[string, (nothing: never) => unknown]>([
    ['node:http', nodeAdapter.tokenOf],
    ['Express', expressAdapter.tokenOf],
    ['Fastify', fastifyAdapter.tokenOf],
    ['Koa', koaAdapter.tokenOf],
    ['Hono', honoAdapter.tokenOf],
    ['Yoga', yogaAdapter.tokenOf],
    ['NestJS', nestAdapter.tokenOf],
    ['Next.js', nextAdapter.tokenOf],
  ])('%s, of nothing', (_, tokenOf) => {
    expect(() => tokenOf(undefined as never)).toThrow('of a request that this adapter has taken in, got undefined.');
  });
});

describe('mounted twice', () => {
  it('node:http: it is refused where it is wrapped', () => {
    const cancelling = nodeAdapter.cancellation();
    expect(() => cancelling(cancelling(() => {}))).toThrow(TWICE);
    expect(() => cancelling(undefined as never)).toThrow(
      'Expected `listener` to be a function (req, res), got undefined.',
    );
  });

  it('Express: the error handlers get it', async () => {
    const app = express();
    const answer: ErrorRequestHandler = (error: Error, _req, res, _next) => void res.send(error.message);
    app.use(expressAdapter.cancellation(), expressAdapter.cancellation());
    app.use(answer);
    expect(await ask(app)).toContain(TWICE);
  });

  it('Fastify: the application does not start', async () => {
    const app = fastify();
    app.register(fastifyAdapter.cancellation());
    app.register((inner, _options, done) => {
      inner.register(fastifyAdapter.cancellation());
      done();
    });
    await expect(app.ready()).rejects.toThrow(TWICE);
  });

  it('Koa: its `error` event tells', async () => {
    const app = new Koa();
    const errors: Error[] = [];
    app
      .on('error', (error) => errors.push(error))
      .use(koaAdapter.cancellation())
      .use(koaAdapter.cancellation());
    await ask(app.callback());
    expect(errors[0]?.message).toContain(TWICE);
  });

  it('Hono: `onError` tells', async () => {
    const app = new Hono();
    app.use(honoAdapter.cancellation());
    app.use(honoAdapter.cancellation());
    app.get('/', (c) => c.text('never'));
    app.onError((error, c) => c.text(error.message));
    expect(await (await app.request('/')).text()).toContain(TWICE);
  });

  it('tRPC: `onError` tells', async () => {
    const [one, two] = [trpcAdapter.cancellation(), trpcAdapter.cancellation()];
    const t = initTRPC.context<object>().create();
    const router = t.router({ greet: t.procedure.query(() => 'never') });
    const errors: Error[] = [];
    const createContext = one.context(two.context());
    await ask(createHTTPHandler({ router, createContext, onError: ({ error }) => void errors.push(error) }), '/greet');
    expect(errors[0]?.message).toContain(TWICE);
  });

  it('Yoga: the request fails', async () => {
    const schema = createSchema({ typeDefs: 'type Query { a: Int }', resolvers: { Query: { a: () => 1 } } });
    const plugins = [yogaAdapter.cancellation(), yogaAdapter.cancellation()];
    const yoga = createYoga({ schema, plugins, logging: false });
    await expect((async () => yoga.fetch('http://localhost/graphql?query={a}'))()).rejects.toThrow(TWICE);
  });

  it('NestJS: the exception filters get it', async () => {
    const caught: Error[] = [];
    class Handler {
      greet(): string {
        return 'never';
      }
    }
    Controller()(Handler);
    const { prototype } = Handler;
    Get('/')(prototype, 'greet', Object.getOwnPropertyDescriptor(prototype, 'greet') as PropertyDescriptor);
    const module = { module: class Application {}, controllers: [Handler] };
    const app = await NestFactory.create(module, new ExpressAdapter(), { logger: false });
    app.useGlobalInterceptors(nestAdapter.cancellation(), nestAdapter.cancellation());
    app.useGlobalFilters({
      catch(error: Error, host) {
        caught.push(error);
        host.switchToHttp().getResponse<ServerResponse>().end();
      },
    });
    await app.init();
    ends.push(() => app.close());
    await ask(app.getHttpAdapter().getInstance());
    expect(caught[0]?.message).toContain(TWICE);
  });

  it('Next.js: the route handler throws', () => {
    const cancelling = nextAdapter.cancellation();
    const route = cancelling(cancelling(() => new Response()));
    return expect(route(new Request('http://localhost'))).rejects.toThrow(TWICE);
  });
});

describe('options that make no sense are refused where they are given', () => {
  const all = {
    nodeAdapter,
    expressAdapter,
    fastifyAdapter,
    koaAdapter,
    honoAdapter,
    trpcAdapter,
    yogaAdapter,
    nestAdapter,
    nextAdapter,
  };
  it.each(Object.entries(all))('%s', (_, { cancellation }) => {
    expect(() => cancellation({ handlerTimeoutMs: -1 })).toThrow(
      'Expected `handlerTimeoutMs` to be a number of milliseconds, 0 or more (0 switches it off), got -1.',
    );
    expect(() => cancellation({ timeout: 5 } as never)).toThrow('Expected no option `timeout`; there are ');
    expect(() => cancellation({ handlerTimeoutMs: 500, requestTimeoutMs: 300 })).toThrow(
      'Expected `requestTimeoutMs` (300) to be no less than `handlerTimeoutMs` (500), which is a part of it.',
    );
  });
});

describe('mounted without being called, each says so where its framework calls it', () => {
  const message =
    'Expected `options` to be a plain object of options, in a call of your own: mount what `cancellation()` returns';

  it('Express', async () => {
    const app = express();
    const answer: ErrorRequestHandler = (error: Error, _req, res, _next) => void res.send(error.message);
    app.use(expressAdapter.cancellation as never, answer);
    expect(await ask(app)).toContain(message);
  });

  it('Fastify, which hands it an instance for plugins', () => {
    expect(() => fastifyAdapter.cancellation(Object.create(fastify()))).toThrow(message);
  });

  it('Koa', async () => {
    const errors: Error[] = [];
    const app = new Koa().on('error', (error) => errors.push(error)).use(koaAdapter.cancellation as never);
    await ask(app.callback());
    expect(errors[0]?.message).toContain(message);
  });

  it('Hono', async () => {
    const app = new Hono().use(honoAdapter.cancellation as never);
    app.onError((error, c) => c.text(error.message));
    expect(await (await app.request('/')).text()).toContain(message);
  });
});
