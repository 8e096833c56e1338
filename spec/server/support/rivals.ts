import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { create, type DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { toNodeHandler } from 'srvx/node';
import { serve, tokenOf } from '../../../lib/server/index.ts';
import { counterDescriptor } from '../../interop/support/protobuf.ts';
import { gate, Inbox } from './gate.ts';
import type { Protocol } from './peers.ts';
import { type Listener, type Stage, stage, type Tell, type Witness, wordsOf } from './stage.ts';

/** A way to learn that the client has left. */
export interface Rival {
  readonly name: string;
  readonly says: string;
  readonly http2: boolean;
  /** Reads every body itself, before the handler. */
  readonly parses?: true;
  /** Has calls in place of requests: a POST with a message. */
  readonly calls?: true;
  start(protocol: Protocol): Promise<Stage>;
}

/** Text that the client waits for. In a call it is the number of a message. */
export const [BEGUN, DONE] = ['1111', '2222'];

type Heard = () => string | undefined;

function plainWitness(req: Parameters<Listener>[0], res: Parameters<Listener>[1], heard: Heard) {
  return {
    get heard() {
      return heard();
    },
    readBody: () => text(req),
    answer: () => void res.end(DONE),
    begin: () => void res.write(BEGUN),
    end: () => void res.end(DONE),
  };
}

/** Answers by an event of its own, with no reason. */
function flag(listen: (set: () => void) => void): Heard {
  let heard: string | undefined;
  listen(() => {
    heard = NO_REASON;
  });
  return () => heard;
}
const NO_REASON = '';

const ofSignal =
  (signal: AbortSignal): Heard =>
  () =>
    signal.aborted ? wordsOf(signal.reason) : undefined;

const bare =
  (watch: (req: Parameters<Listener>[0], res: Parameters<Listener>[1]) => Heard) =>
  (protocol: Protocol): Promise<Stage> =>
    stage(protocol, (tell) => (req, res) => tell(plainWitness(req, res, watch(req, res))));

/** A web handler: a signal, and a response that the spec gives when it likes. */
function webWitness(signal: AbortSignal, request: Request) {
  const response = gate<Response>();
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const heard = ofSignal(signal);
  const witness = {
    get heard() {
      return heard();
    },
    readBody: () => request.text(),
    answer: () => response.open(new Response(DONE)),
    begin() {
      const start = (made: typeof controller) => {
        controller = made;
      };
      response.open(new Response(new ReadableStream({ start })));
      controller.enqueue(Buffer.from(BEGUN));
    },
    end() {
      controller.enqueue(Buffer.from(DONE));
      controller.close();
    },
  };
  return { witness, response: response.opened };
}

function expressApp(tell: Tell): Listener {
  const app = express();
  app.use(express.json());
  app.all('/', (req, res) =>
    tell(
      plainWitness(
        req,
        res,
        flag((set) => req.on('close', set)),
      ),
    ),
  );
  return app;
}

async function fastifyApp(tell: Tell): Promise<Listener> {
  const app = fastify();
  // A body of no type that it knows is left to the handler.
  app.addContentTypeParser('*', (_request, _body, done) => done(null));
  app.all('/', (request, reply) => {
    const body = new PassThrough();
    const heard = ofSignal(request.signal);
    tell({
      get heard() {
        return heard();
      },
      readBody: () => Promise.resolve(request.body),
      answer: () => void reply.send(DONE),
      begin() {
        reply.send(body);
        body.write(BEGUN);
      },
      end: () => void body.end(DONE),
    });
    return reply;
  });
  await app.ready();
  return app.routing;
}

function honoApp(tell: Tell): Listener {
  const app = new Hono();
  app.all('/', ({ req }) => {
    const { witness, response } = webWitness(req.raw.signal, req.raw);
    tell(witness);
    return response;
  });
  return getRequestListener(app.fetch) as Listener;
}

function srvxApp(tell: Tell): Listener {
  return toNodeHandler((request: Request) => {
    const { witness, response } = webWitness(request.signal, request);
    tell(witness);
    return response;
  }) as Listener;
}

function connectApp(tell: Tell): Listener {
  const service: DescService = counterDescriptor();
  const { output } = service.method.upTo as DescService['methods'][number];
  const message = (n: string) => create(output, { n: Number(n) } as never);
  const unary = (_: unknown, { signal }: { signal: AbortSignal }) => {
    const { opened, open } = gate<ReturnType<typeof message>>();
    const heard = ofSignal(signal);
    tell({
      get heard() {
        return heard();
      },
      answer: () => open(message(DONE)),
    });
    return opened;
  };
  async function* upTo(_: unknown, { signal }: { signal: AbortSignal }) {
    const [begun, ended] = [gate(), gate()];
    const heard = ofSignal(signal);
    tell({
      get heard() {
        return heard();
      },
      answer: ended.open,
      begin: begun.open,
      end: ended.open,
    });
    await begun.opened;
    yield message(BEGUN);
    await ended.opened;
    yield message(DONE);
  }
  const unimplemented = () => Promise.reject(new ConnectError('not here', Code.Unimplemented));
  const routes = (router: ConnectRouter) =>
    void router.service(service, { double: unary, upTo, sum: unimplemented, chat: unimplemented } as never);
  return connectNodeAdapter({ routes }) as Listener;
}

async function served(protocol: Protocol): Promise<Stage> {
  const witnesses = new Inbox<Witness>();
  const server = await serve(
    (request, { token }) => {
      const { witness, response } = webWitness(token.signal, request);
      const over = new Promise((resolve) => token.onCancel(resolve));
      witnesses.put(Object.defineProperties({ over }, Object.getOwnPropertyDescriptors(witness)) as Witness);
      return response;
    },
    protocol === 'HTTP/1.1' ? { http2: false } : {},
  );
  return { port: Number(server.url.port), witnesses, gone: () => server.drain(), close: server.close };
}

export const RIVALS: readonly Rival[] = [
  { name: 'nevermind `serve`', says: 'the token of the request', http2: true, start: served },
  {
    name: 'nevermind `tokenOf`',
    says: '`tokenOf(req, res)`',
    http2: true,
    start: bare((req, res) => ofSignal(tokenOf(req, res).signal)),
  },
  {
    name: 'node, by request',
    says: "`req.on('close')`",
    http2: true,
    start: bare((req) => flag((set) => req.on('close', set))),
  },
  {
    name: 'node, by response',
    says: "`res.on('close')`, if not `res.writableFinished`",
    http2: true,
    start: bare((_, res) => flag((set) => res.on('close', () => res.writableFinished || set()))),
  },
  {
    name: 'Express 5',
    says: "`express.json()`, `req.on('close')`",
    http2: false,
    parses: true,
    start: (protocol) => stage(protocol, expressApp),
  },
  {
    name: 'Fastify 5',
    says: '`request.signal`',
    http2: true,
    start: (protocol) => stage(protocol, fastifyApp),
  },
  {
    name: 'Hono 4',
    says: '@hono/node-server 2, `c.req.raw.signal`',
    http2: true,
    start: (protocol) => stage(protocol, honoApp),
  },
  {
    name: 'srvx 1',
    says: '`request.signal`',
    http2: true,
    start: (protocol) => stage(protocol, srvxApp),
  },
  {
    name: 'connect-node 2',
    says: '`context.signal`',
    http2: true,
    calls: true,
    start: (protocol) => stage(protocol, connectApp),
  },
];
