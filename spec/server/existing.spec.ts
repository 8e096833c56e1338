// Services that exist already: their handlers use the global fetch and know of no token. Two lines make them propagate.
import type { RequestListener } from 'node:http';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import fastify, { type FastifyInstance } from 'fastify';
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancellation as expressCancellation } from '../../lib/adapters/express.ts';
import { cancellation as fastifyCancellation } from '../../lib/adapters/fastify.ts';
import { cancellation as interceptor } from '../../lib/adapters/undici.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { type CancellationToken, reasonOf } from '../../lib/core/index.ts';
import { createFetch } from '../../lib/fetch/index.ts';
import { tokenOf } from '../../lib/server/index.ts';
import { Backend } from '../fetch/support/backend.ts';
import { read } from '../house/sources.ts';
import { Inbox } from './support/gate.ts';
import { type Ask, type Client, connect } from './support/peers.ts';

let backend: Backend;
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  backend = await Backend.start();
  ends.push(() => backend[Symbol.asyncDispose]());
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What the service does for a request: passes on what it was sent. */
type Work = (path: string, body: unknown) => Promise<string>;

/** A service, with its line about the current token or without it. */
type Service = (work: Work, propagates: boolean) => Promise<RequestListener>;

/** The second line for Express, for Fastify: of the adapter, and where there is none. */
const EXPRESS = {
  'Express 5': (app: Express) => {
    const cancellation = expressCancellation;
    app.use(cancellation());
  },
  'Express 5, by tokenOf': (app: Express) => app.use((req, res, next) => runWithToken(tokenOf(req, res), next)),
};
const FASTIFY = {
  'Fastify 5': async (app: FastifyInstance) => {
    const cancellation = fastifyCancellation;
    await app.register(cancellation());
  },
  'Fastify 5, by tokenOf': (app: FastifyInstance) =>
    app.addHook('preHandler', (request, reply, done) => runWithToken(tokenOf(request.raw, reply.raw), done)),
};

const expressService =
  (propagate: (app: Express) => unknown): Service =>
  async (work, propagates) => {
    const app = express();
    if (propagates) propagate(app);
    app.use(express.json());
    app.all('/{*path}', async (req, res) => void res.send(await work(req.path, req.body)));
    return app;
  };

const fastifyService =
  (propagate: (app: FastifyInstance) => unknown): Service =>
  async (work, propagates) => {
    const app = fastify();
    if (propagates) await propagate(app);
    app.all('/*', ({ url, body }) => work(url, body));
    await app.ready();
    ends.push(() => app.close());
    return app.routing;
  };

const arrived = new Inbox<void>();

async function listening(listener: RequestListener): Promise<Client> {
  const server = http.createServer(listener).prependListener('request', () => arrived.put());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => new Promise((resolve) => server.close(resolve)));
  const client = await connect('HTTP/1.1', (server.address() as AddressInfo).port);
  ends.push(() => client.leave());
  return client;
}

/** The second line: the global fetch of the whole process goes under the current token. */
function globalFetch(): typeof fetch {
  const before = getGlobalDispatcher();
  const agent = new Agent();
  setGlobalDispatcher(agent);
  setGlobalDispatcher(getGlobalDispatcher().compose(interceptor()));
  ends.push(() => {
    setGlobalDispatcher(before);
    return agent.destroy();
  });
  return globalThis.fetch;
}

const FETCHES = { 'the global fetch behind the interceptor': globalFetch, createFetch: () => createFetch() };

const json: Ask = { method: 'POST', headers: { 'content-type': 'application/json' } };

const REQUESTS: [string, Ask, rest?: string][] = [
  ['GET', {}],
  ['POST, its body parsed', { ...json, body: '{"name":"Ada"}' }],
  // Parsed in a callback of the socket, which belongs to no request.
  ['POST, its body in two pieces', { ...json, body: '{"name":', unfinished: true }, '"Ada"}'],
];

describe.each([
  ...Object.entries(EXPRESS).map(([name, line]) => [name, expressService(line)] as const),
  ...Object.entries(FASTIFY).map(([name, line]) => [name, fastifyService(line)] as const),
])('%s', (_, service) => {
  describe.each(Object.entries(FETCHES))('with %s', (_, make) => {
    async function passing() {
      const send = make();
      const failures = new Inbox<unknown>();
      const work: Work = async (path, body) => {
        const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
        const response = await send(backend.url + path, init).catch((error) => {
          failures.put(error);
          throw error;
        });
        return await response.text();
      };
      return { client: await listening(await service(work, true)), failures };
    }

    async function sent(client: Client, ask: Ask, rest?: string) {
      const asked = client.ask({ path: '/upstream', ...ask });
      await arrived.take();
      if (rest !== undefined) for (const piece of [rest, '']) asked.send(piece);
      return { asked, visit: await backend.visits.take() };
    }

    it.each(REQUESTS)('%s: what a handler calls stops when the client leaves, and says why', async (_, ask, rest) => {
      const { client, failures } = await passing();
      const { visit } = await sent(client, ask, rest);
      if (ask.body !== undefined) expect(await visit.body).toBe('{"name":"Ada"}');
      client.leave();
      expect(await visit.left).toBe(true);
      expect(reasonOf(await failures.take())).toBe('PEER_CLOSED');
    });

    it.each(REQUESTS)('%s: an answer comes through, and the connection serves on', async (_, ask, rest) => {
      const { client, failures } = await passing();
      for (const text of ['first.', 'second.']) {
        const { asked, visit } = await sent(client, ask, rest);
        visit.end(text);
        await asked.until(text);
      }
      expect(failures.size).toBe(0);
    });
  });

  it('without them the call goes on for nobody', async () => {
    const send = globalFetch();
    const tokens = new Inbox<CancellationToken>();
    const listener = await service(async (path) => (await send(backend.url + path)).text(), false);
    const client = await listening((req, res) => {
      tokens.put(tokenOf(req, res));
      listener(req, res);
    });
    client.ask({ path: '/upstream' });
    await arrived.take();
    const visit = await backend.visits.take();
    const token = await tokens.take();
    const gone = new Promise((resolve) => token.onCancel(resolve));
    client.leave();
    await gone;
    visit.end('for nobody');
    expect(await visit.left).toBe(false);
  });
});

it.each([
  'setGlobalDispatcher(getGlobalDispatcher().compose(interceptor()));',
  'app.use(cancellation());',
  'await app.register(cancellation());',
])('the README shows the very line that runs here: %s', (line) => {
  const times = ['README.md', 'spec/server/existing.spec.ts'].map((file) => read(file).split(line).length - 1);
  // Here it stands in the list above too.
  expect(times).toEqual([1, 2]);
});
