// Calls served by Hono, on Node: a handler is a `fetch` like any other.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { afterEach, describe } from 'vitest';
import { createClient } from '../../lib/rpc/client.ts';
import { Counter } from '../rpc/support/counter.ts';
import { counting } from '../rpc/support/counting.ts';
import { itsCalls } from '../rpc/support/its-calls.ts';

const service = counting();

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function client() {
  const app = new Hono();
  app.all('/demo.v1.Counter/*', ({ req }) => service.handler(req.raw));
  const server = http.createServer(getRequestListener(app.fetch));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return createClient(Counter, { baseUrl: `http://127.0.0.1:${port}` });
}

describe('a handler under Hono', () => itsCalls(client, service));
