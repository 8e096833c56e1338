import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { type Http2Transport, type Http2TransportOptions, http2Transport } from '../../lib/rpc-node/index.ts';
import { Counter, numbers } from '../rpc/support/counter.ts';
import { Greeter, settled } from '../rpc/support/greeter.ts';
import { useManualClock } from '../rpc/support/manual-clock.ts';
import { useRawServer } from './support/raw-server.ts';

const time = useManualClock();
const rawServer = useRawServer();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    () => expect.fail('resolved'),
    (error: RpcError) => error,
  );

function clientOf(options: Http2TransportOptions) {
  const transport: Http2Transport = http2Transport(options);
  ends.push(() => transport.close());
  return createClient(Greeter, { transport });
}

/** A way to a server that can be cut without either end being told. */
async function relayTo(baseUrl: string): Promise<{ url: string; freeze(): void }> {
  const sockets: net.Socket[] = [];
  const relay = net.createServer((near) => {
    const far = net.connect(Number(new URL(baseUrl).port), '127.0.0.1');
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  ends.push(() => relay.close());
  const freeze = () => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`, freeze };
}

const ada = { name: 'Ada' };

describe('a peer that says nothing', () => {
  it('is sent a PING, and its calls fail when that is not answered', async () => {
    const { server, baseUrl } = await rawServer();
    const { url, freeze } = await relayTo(baseUrl);
    const client = clientOf({ baseUrl: url, pingIntervalMs: 1_000, pingTimeoutMs: 200 });
    const arrived = server.next();
    const outcome = failure(client.greet(ada));
    await arrived;
    freeze();
    time().advance(1_000);
    await settled();
    time().advance(200);
    expect(await outcome).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED', neverProcessed: false });
  });

  it('is found out while it drains, too: after GOAWAY', async () => {
    const { server, baseUrl } = await rawServer();
    const { url, freeze } = await relayTo(baseUrl);
    const client = clientOf({ baseUrl: url, pingIntervalMs: 1_000, pingTimeoutMs: 200 });
    const arrived = server.next();
    const outcome = failure(client.greet(ada));
    const { session } = await arrived;
    const heard = once(session, 'goaway');
    session.close();
    // Node says GOAWAY in return.
    await heard;
    // Alive, it may take as long as it likes.
    const answered = once(session, 'remoteSettings');
    time().advance(1_000);
    await answered;
    await settled();
    await settled();
    time().advance(200);
    freeze();
    time().advance(800);
    await settled();
    time().advance(200);
    expect(await outcome).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED', neverProcessed: false });
  });

  it('but answers its PINGs may take as long as it likes', async () => {
    const { server, baseUrl } = await rawServer();
    const client = clientOf({ baseUrl, pingIntervalMs: 1_000, pingTimeoutMs: 200 });
    const arrived = server.next();
    const outcome = client.greet(ada);
    const call = await arrived;
    for (let silence = 0; silence < 5; silence++) {
      const pinged = new Promise((resolve) => call.session.once('ping', resolve));
      time().advance(1_000);
      await pinged;
      await settled();
      await settled();
    }
    time().advance(200);
    call.answer();
    expect(await outcome).toEqual({ greeting: 'hello' });
  });

  it('and whose answer is there, only not read yet, is not blamed for it', async () => {
    const { server, baseUrl } = await rawServer();
    const client = clientOf({ baseUrl, pingIntervalMs: 1_000, pingTimeoutMs: 200 });
    const arrived = server.next();
    const outcome = client.greet(ada);
    const call = await arrived;
    // The time is over before this process looks at what has come: it was busy.
    const late = new Promise<void>((resolve) =>
      call.session.once('ping', () =>
        setImmediate(() => {
          time().advance(200);
          resolve();
        }),
      ),
    );
    time().advance(1_000);
    await late;
    await settled();
    call.answer();
    expect(await outcome).toEqual({ greeting: 'hello' });
  });

  it('is not asked while there is no call, unless that is wished', async () => {
    for (const [idlePingIntervalMs, pings] of [
      [undefined, 0],
      [5_000, 1],
    ] as const) {
      const { server, baseUrl } = await rawServer();
      const client = clientOf({ baseUrl, idlePingIntervalMs });
      await client.greet(ada);
      let seen = 0;
      server.sessions[0]?.on('ping', () => seen++);
      // The stream has closed as well.
      await settled();
      time().advance(5_000);
      // As long as one call takes, a PING would have taken too.
      await client.greet(ada);
      expect(seen).toBe(pings);
    }
  });
});

describe('a connection', () => {
  it('that does not come about in time is unavailable, never processed', async () => {
    // Takes the connection, and never speaks TLS.
    const silent = net.createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    ends.push(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const client = clientOf({ baseUrl: `https://127.0.0.1:${port}`, connectTimeoutMs: 3_000 });
    const outcome = failure(client.greet(ada));
    await settled();
    time().advance(3_000);
    expect(await outcome).toMatchObject({ code: 'unavailable', neverProcessed: true });
  });

  it('whose peer never says its first word is given up, and a stream of requests that waits for it with it', async () => {
    const silent = net.createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    ends.push(() => silent.close());
    const { port } = silent.address() as AddressInfo;
    const transport = http2Transport({ baseUrl: `http://127.0.0.1:${port}`, connectTimeoutMs: 3_000 });
    ends.push(() => transport.close());
    const accepted = once(silent, 'connection');
    const outcome = failure(createClient(Counter, { transport }).sum(numbers(1)));
    await accepted;
    await settled();
    time().advance(3_000);
    expect(await outcome).toMatchObject({ code: 'unavailable', neverProcessed: true });
  });

  it('that fails again and again is left alone for a while, and then tried anew', async () => {
    const { server, baseUrl } = await rawServer();
    const { port } = server.server.address() as AddressInfo;
    await new Promise<void>((resolve) => server.server.close(() => resolve()));
    const client = clientOf({ baseUrl });
    for (let attempt = 0; attempt < 2; attempt++)
      expect((await failure(client.greet(ada))).message).toContain('ECONNREFUSED');
    expect(await failure(client.greet(ada))).toMatchObject({
      code: 'unavailable',
      neverProcessed: true,
      message: expect.stringContaining('waits a little'),
    });
    await server.listen(port);
    expect((await failure(client.greet(ada))).message).toContain('waits a little');
    time().advance(100);
    expect(await client.greet(ada)).toEqual({ greeting: 'hello' });
  });

  it('refuses times that are none', () => {
    const baseUrl = 'http://localhost';
    expect(() => http2Transport({ baseUrl, pingTimeoutMs: 0 })).toThrow(
      'Expected `pingTimeoutMs` to be a number, 1 or more',
    );
  });
});
