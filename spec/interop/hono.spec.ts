// Calls served by Hono, on Node: a handler is a `fetch` like any other.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { counting } from '../rpc/support/counting.ts';

const { handler, entered } = counting();

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function client() {
  const app = new Hono();
  app.all('/demo.v1.Counter/*', ({ req }) => handler(req.raw));
  const server = http.createServer(getRequestListener(app.fetch));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  return createClient(Counter, { baseUrl: `http://127.0.0.1:${port}` });
}

describe('a handler under Hono', () => {
  it('serves every kind', async () => {
    const counter = await client();
    expect(await counter.double({ n: 2 })).toEqual({ n: 4 });
    expect(await all(counter.upTo({ n: 3 }))).toHaveLength(3);
    expect(await counter.sum(numbers(3))).toEqual({ n: 3 });
    expect(await all(counter.chat(numbers(3)))).toHaveLength(3);
  });

  it('S1-04: stops with its caller', async () => {
    const counter = await client();
    const source = new CancellationSource();
    const outcome = counter.double({ n: 0 }, { token: source.token }).catch((error: RpcError) => error.code);
    const { token } = await entered();
    const heard = new Promise((resolve) => token.onCancel(resolve));
    source.cancel();
    expect(await outcome).toBe('canceled');
    await heard;
  });

  it('S1-23: answers at the deadline by itself', async () => {
    const counter = await client();
    using clock = fakeClock();
    const late = counter.double({ n: 0 }, { timeout: 150 }).catch((error: RpcError) => error.code);
    const { token } = await entered();
    clock.advance(150);
    expect(token.reason).toBe('TIMEOUT');
    expect(await late).toBe('deadline_exceeded');
  });
});
