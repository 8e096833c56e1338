// Frameworks whose handlers write to Node's response.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { All, Controller, Req, Res } from '@nestjs/common';
import { APP_INTERCEPTOR, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import express from 'express';
import Koa from 'koa';
import * as expressAdapter from '../../../../lib/adapters/express.ts';
import * as koaAdapter from '../../../../lib/adapters/koa.ts';
import * as nestAdapter from '../../../../lib/adapters/nest.ts';
import * as nodeAdapter from '../../../../lib/adapters/node-http.ts';
import { type CancellationToken, currentToken } from '../../../../lib/core/index.ts';
import { type Framework, type Hold, Waiting } from './framework.ts';

/** What a raw handler does with its response. */
function rawHandler(hold: Hold) {
  return (req: IncomingMessage, res: ServerResponse, token: CancellationToken): Promise<void> => {
    const waiting = new Waiting();
    let left: string | undefined;
    req.on('close', () => {
      left = '';
    });
    hold({
      path: req.url as string,
      token,
      current: currentToken(),
      own: () => left,
      readBody: () => text(req),
      answer(body) {
        res.end(body);
        waiting.resolve();
      },
      begin: (chunk) => void res.write(chunk),
      end(chunk) {
        res.end(chunk);
        waiting.resolve();
      },
      fail: waiting.fail,
    });
    return waiting.over;
  };
}

export const nodeHttp: Framework = {
  name: 'node:http',
  packages: [],
  failsWith: 'uncaught',
  says: "`req.on('close')`",
  protocols: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  start(hold, options) {
    const cancelling = nodeAdapter.cancellation(options);
    const handle = rawHandler(hold);
    return { listener: cancelling((req, res) => handle(req, res, nodeAdapter.tokenOf(req))), drain: cancelling.drain };
  },
};

export const expressFramework: Framework = {
  name: 'Express 5',
  packages: ['express'],
  endsUnseen: true,
  says: "`req.on('close')`",
  protocols: ['HTTP/1.1'],
  start(hold, options) {
    const cancelling = expressAdapter.cancellation(options);
    const handle = rawHandler(hold);
    const app = express();
    // Its own handler of errors prints what it answers.
    app.set('env', 'test');
    app.use(cancelling);
    app.all('/{*path}', (req, res) => handle(req, res, expressAdapter.tokenOf(req)));
    app.use(cancelling.errors);
    return { listener: app, drain: cancelling.drain };
  },
};

export const koaFramework: Framework = {
  name: 'Koa 3',
  packages: ['koa'],
  says: "`ctx.req.on('close')`",
  protocols: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  start(hold, options) {
    const cancelling = koaAdapter.cancellation(options);
    const handle = rawHandler(hold);
    const app = new Koa();
    app.silent = true;
    app.use(cancelling);
    app.use(async (ctx) => {
      ctx.respond = false;
      ctx.status = 200;
      try {
        await handle(ctx.req, ctx.res, koaAdapter.tokenOf(ctx));
      } catch (error) {
        ctx.respond = true;
        throw error;
      }
    });
    return { listener: app.callback(), drain: cancelling.drain };
  },
};

export const nestFramework: Framework = {
  name: 'NestJS 12',
  packages: ['@nestjs/core', '@nestjs/platform-express'],
  says: "`request.on('close')`",
  protocols: ['HTTP/1.1'],
  async start(hold, options) {
    const cancelling = nestAdapter.cancellation(options);
    const handle = rawHandler(hold);
    class Everything {
      handle(req: IncomingMessage, res: ServerResponse) {
        return handle(req, res, nestAdapter.tokenOf(req));
      }
    }
    const { prototype } = Everything;
    Controller()(Everything);
    All('/{*path}')(prototype, 'handle', Object.getOwnPropertyDescriptor(prototype, 'handle') as PropertyDescriptor);
    Req()(prototype, 'handle', 0);
    Res()(prototype, 'handle', 1);
    const module = {
      module: class Application {},
      controllers: [Everything],
      providers: [{ provide: APP_INTERCEPTOR, useValue: cancelling }],
    };
    const app = await NestFactory.create(module, new ExpressAdapter(), { logger: false, bodyParser: false });
    await app.init();
    return { listener: app.getHttpAdapter().getInstance(), drain: cancelling.drain, close: () => app.close() };
  },
};
