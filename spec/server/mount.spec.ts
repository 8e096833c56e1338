import http, { type RequestListener } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient, fetchTransport } from '../../lib/rpc/client.ts';
import type { Transport } from '../../lib/rpc/index.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { mount } from '../../lib/server/index.ts';
import { Counter } from '../rpc/support/counter.ts';
import { counting } from '../rpc/support/counting.ts';
import { itsCalls } from '../rpc/support/its-calls.ts';
import { ManualClock } from './support/manual-clock.ts';
import { connect } from './support/peers.ts';

const service = counting();
const { handler, entered } = service;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function listening(server: http.Server | http2.Http2Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const servers: Record<string, () => Promise<Transport>> = {
  'node:http': async () => fetchTransport({ baseUrl: await listening(http.createServer(mount(handler))) }),
  'node:http2': async () => {
    const transport = http2Transport({ baseUrl: await listening(http2.createServer(mount(handler))) });
    ends.unshift(() => transport.close());
    return transport;
  },
};

describe.each(Object.entries(servers))('a handler mounted in a server of %s', (_name, connect) => {
  itsCalls(async () => createClient(Counter, { transport: await connect() }), service);
});

it('leaves the paths of others to whoever comes next', async () => {
  const listener: RequestListener = (req, res) => mount(handler)(req, res, () => res.end('another'));
  const url = await listening(http.createServer(listener));
  expect(await (await fetch(`${url}/other?x=/demo.v1.Counter/double`)).text()).toBe('another');
  const alone = await listening(http.createServer(mount(handler)));
  expect((await fetch(`${alone}/other`)).status).toBe(404);
  expect(await createClient(Counter, { baseUrl: url }).double({ n: 1 })).toEqual({ n: 2 });
});

it('a caller that resets its stream when its time is up, before a timer has said so, is answered nothing', async () => {
  const clock = new ManualClock();
  ends.unshift(clock.restore);
  const client = await connect('h2c', Number(new URL(await listening(http2.createServer(mount(handler)))).port));
  ends.unshift(client.leave.bind(client));
  const asked = client.ask({
    method: 'POST',
    path: '/demo.v1.Counter/double',
    headers: { 'content-type': 'application/json', 'connect-timeout-ms': '300' },
    body: '{"n":0}',
  });
  const { token } = await entered();
  clock.oversleep(300);
  asked.reset();
  expect(await new Promise((resolve) => token.onCancel(resolve))).toMatchObject({ reason: 'TIMEOUT' });
  await asked.over;
  expect(asked.status).toBeUndefined();
});
