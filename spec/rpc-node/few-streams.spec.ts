import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { type Http2Transport, http2Transport } from '../../lib/rpc-node/index.ts';
import { Greeter, settled } from '../rpc/support/greeter.ts';
import { useManualClock } from '../rpc/support/manual-clock.ts';
import { useRawServer } from './support/raw-server.ts';

const time = useManualClock();
const rawServer = useRawServer();
const transports: Http2Transport[] = [];
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

const ada = { name: 'Ada' };
const hello = { greeting: 'hello' };

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

/** A server that takes so many calls at a time, a client that has heard of it, and as many calls under way. */
async function full(limit = 1) {
  const { server, baseUrl } = await rawServer();
  server.server.updateSettings({ maxConcurrentStreams: limit });
  const transport = http2Transport({ baseUrl });
  transports.push(transport);
  const client = createClient(Greeter, { transport });
  await client.greet(ada);
  const arrived = Array.from({ length: limit }, () => server.next());
  const responses = Array.from({ length: limit }, () => client.greet(ada));
  return { server, client, transport, responses, held: await Promise.all(arrived) };
}

describe('a call for which the peer has no room yet', () => {
  it('S1-20: tells what is left of its time when it leaves', async () => {
    const { server, client, held } = await full();
    const waits = client.greet(ada, { timeout: 1_000 });
    await settled();
    time().advance(400);
    const arrived = server.next();
    held[0]?.answer();
    const call = await arrived;
    expect(call.headers['connect-timeout-ms']).toBe('600');
    call.answer();
    expect(await waits).toEqual(hello);
  });

  it('S0-15: leaves no trace when it is cancelled, or its time is over', async () => {
    const { server, client, held, responses } = await full();
    const source = new CancellationSource();
    const cancelled = failure(client.greet(ada, { token: source.token }));
    const late = failure(client.greet(ada, { timeout: 400 }));
    const next = client.greet(ada);
    await settled();
    source.cancel();
    time().advance(400);
    expect((await cancelled).code).toBe('canceled');
    expect(await late).toMatchObject({
      code: 'deadline_exceeded',
      message: expect.stringContaining('before the request could be sent'),
    });
    held[0]?.answer();
    expect(await Promise.all([...responses, next])).toEqual([hello, hello]);
    expect(server.seen).toHaveLength(3);
  });

  it('has its turn in order, and on the one connection', async () => {
    const { server, client, held, responses } = await full(3);
    const names = Array.from({ length: 300 }, (_, i) => `caller ${i}`);
    const waits = names.map((name) => client.greet({ name }));
    for (const call of held) call.answer();
    expect(await Promise.all([...responses, ...waits])).toEqual(Array(303).fill(hello));
    const bodies = await Promise.all(server.seen.slice(4).map(({ body }) => body));
    expect(bodies.map((body) => JSON.parse(body).name)).toEqual(names);
    expect(server.sockets).toHaveLength(1);
  });

  it('leaves when the peer takes more', async () => {
    const { server, client, held, responses } = await full();
    const arrived = server.next();
    const waits = client.greet(ada);
    await settled();
    held[0]?.session.settings({ maxConcurrentStreams: 2 });
    (await arrived).answer();
    expect(await waits).toEqual(hello);
    held[0]?.answer();
    expect(await responses[0]).toEqual(hello);
  });

  it('goes elsewhere when the connection is lost, or the peer takes leave of it', async () => {
    for (const end of ['destroy', 'close'] as const) {
      const { server, client, held, responses } = await full();
      const under = responses[0]?.catch((error: RpcError) => error.code);
      const waits = [client.greet(ada), client.greet(ada)];
      await settled();
      held[0]?.session[end]();
      expect(await Promise.all(waits)).toEqual([hello, hello]);
      held[0]?.answer();
      expect(await under).toEqual(end === 'close' ? hello : 'unavailable');
      expect(server.sockets).toHaveLength(2);
    }
  });

  it('is one under way: the transport that is being closed has it answered', async () => {
    const { client, transport, held, responses } = await full();
    const waits = client.greet(ada);
    await settled();
    const closed = transport.close();
    held[0]?.answer();
    expect(await Promise.all([...responses, waits])).toEqual([hello, hello]);
    await closed;
  });
});

it('a cold burst beyond what Node sends by itself is answered on one connection', async () => {
  const { server, baseUrl } = await rawServer();
  const transport = http2Transport({ baseUrl });
  transports.push(transport);
  const client = createClient(Greeter, { transport });
  expect(await Promise.all(Array.from({ length: 400 }, () => client.greet(ada)))).toEqual(Array(400).fill(hello));
  expect(server.sockets).toHaveLength(1);
});
