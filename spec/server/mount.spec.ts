import http, { type RequestListener } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { createClient, fetchTransport } from '../../lib/rpc/client.ts';
import type { RpcError, Transport } from '../../lib/rpc/index.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { mount } from '../../lib/server/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { counting } from '../rpc/support/counting.ts';
import { ManualClock } from './support/manual-clock.ts';
import { connect } from './support/peers.ts';

const { handler, entered } = counting();

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
  const client = async () => {
    return createClient(Counter, { transport: await connect() });
  };

  it('serves every kind', async () => {
    const counter = await client();
    expect(await counter.double({ n: 2 })).toEqual({ n: 4 });
    expect(await all(counter.upTo({ n: 3 }))).toHaveLength(3);
    expect(await counter.sum(numbers(3))).toEqual({ n: 3 });
    expect(await all(counter.chat(numbers(3)))).toHaveLength(3);
  });

  it('stops with its caller, and answers at the deadline by itself', async () => {
    const counter = await client();
    const source = new CancellationSource();
    const outcome = counter.double({ n: 0 }, { token: source.token }).catch((error: RpcError) => error.code);
    const { token } = await entered();
    const heard = new Promise((resolve) => token.onCancel(resolve));
    source.cancel();
    expect(await outcome).toBe('canceled');
    await heard;
    using clock = fakeClock();
    const late = counter.double({ n: 0 }, { timeout: 150 }).catch((error: RpcError) => error.code);
    const { token: overdue } = await entered();
    clock.advance(150);
    expect(overdue.reason).toBe('TIMEOUT');
    expect(await late).toBe('deadline_exceeded');
  });
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
