// One port, two protocols, and peers that take their time to say which.
import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ServeOptions, serve } from '../../lib/server/index.ts';
import { certificate } from './support/certificate.ts';
import { ManualClock } from './support/manual-clock.ts';
import { connect } from './support/peers.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function served(options: ServeOptions = {}): Promise<number> {
  const server = await serve(
    async (request) => new Response(`${request.method} ${(await request.text()).length}`),
    options,
  );
  ends.push(server.close);
  return Number(server.url.port);
}

function dial(port: number): net.Socket {
  const raw = net.connect({ port, host: '127.0.0.1', noDelay: true });
  raw.on('error', () => {});
  ends.push(() => raw.destroy());
  return raw;
}

/** As `once(raw, 'close')`, to which a reset is a failure. */
const closing = (raw: net.Socket) => new Promise((resolve) => raw.resume().once('close', resolve));

/** Everything until the server closes. */
async function all(raw: net.Socket): Promise<string> {
  let text = '';
  raw.on('data', (chunk) => {
    text += chunk;
  });
  await closing(raw);
  return text;
}

/** Sends in pieces, each in a turn of its own. */
async function trickle(raw: net.Socket, bytes: Buffer, size: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) {
    raw.write(bytes.subarray(at, at + size));
    await new Promise(setImmediate);
  }
}

describe('one port', () => {
  it.each([1, 2, 3, 7, 23, 24, 25])('takes HTTP/1.1 in pieces of %i bytes', async (size) => {
    const raw = dial(await served());
    const answer = all(raw);
    const text = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nconnection: close\r\n\r\nAda';
    await trickle(raw, Buffer.from(text), size);
    expect(await answer).toMatch(/^HTTP\/1\.1 200[\s\S]*POST 3$/);
  });

  it.each([1, 2, 3, 7, 23, 24, 25])('takes HTTP/2 in pieces of %i bytes', async (size) => {
    const port = await served();
    // Between the client and the server, so that the client is a real one.
    const relay = net.createServer((near) => {
      const far = dial(port);
      near.on('error', () => far.destroy()).on('close', () => far.destroy());
      far.pipe(near);
      let sending = Promise.resolve();
      near.on('data', (chunk) => {
        sending = sending.then(() => trickle(far, chunk, size));
      });
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    ends.push(() => relay.close());
    const client = await connect('h2c', (relay.address() as net.AddressInfo).port);
    ends.push(() => client.leave());
    await client.ask({ method: 'POST', body: 'Ada' }).until('POST 3');
  });

  it.each(['HTTP/1.1', 'h2c'] as const)(
    'loses nothing of a large body that comes with the first bytes, %s',
    async (protocol) => {
      const client = await connect(protocol, await served());
      ends.push(() => client.leave());
      await client.ask({ method: 'POST', body: 'x'.repeat(3_000_000) }).until('POST 3000000');
    },
  );

  it('takes a request that begins as the preface does', async () => {
    const raw = dial(await served());
    const answer = all(raw);
    await trickle(raw, Buffer.from('PRI / HTTP/1.1\r\nhost: a\r\n\r\n'), 3);
    // No method that node:http knows: its answer, on HTTP/1.1.
    expect(await answer).toMatch(/^HTTP\/1\.1 400/);
  });

  it('answers a client that ends its half with its only request as a peer that has left: not at all', async () => {
    const raw = dial(await served());
    raw.end();
    expect(await all(raw)).toBe('');
  });

  it.each([
    ['nothing', ''],
    ['half a preface', 'PRI * HT'],
  ])('drops a peer that says %s for headersTimeoutMs', async (_, text) => {
    const clock = new ManualClock();
    const port = await served({ headersTimeoutMs: 300 });
    ends.push(clock.restore);
    const raw = dial(port);
    await once(raw, 'connect');
    raw.write(text);
    await clock.armed(300);
    const closed = closing(raw);
    clock.advance(300);
    await closed;
  });

  it('drops a peer that leaves in the middle of a preface, and hears resets', async () => {
    const port = await served();
    for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const raw = dial(port);
      await once(raw, 'connect');
      raw.write('PRI * HT');
      const closed = closing(raw);
      raw[leave]();
      await closed;
    }
    const client = await connect('HTTP/1.1', port);
    ends.push(() => client.leave());
    await client.ask({ method: 'POST', body: 'Ada' }).until('POST 3');
  });

  it('lets a client that is still sending have its 413, instead of resetting the connection', async () => {
    const raw = dial(await served({ maxBodyBytes: 10 }));
    const failed = vi.fn();
    raw.on('error', failed);
    raw.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 900000\r\n\r\n');
    // As many clients do, it looks for an answer only when it has sent all.
    for (let i = 0; i < 9; i++) {
      await new Promise((resolve) => raw.write('x'.repeat(100_000), resolve));
      await new Promise(setImmediate);
    }
    expect(await all(raw)).toMatch(/^HTTP\/1\.1 413[\s\S]*resource_exhausted/);
    expect(failed).not.toHaveBeenCalled();
  });

  it('keeps the connection of a small body that is answered before it has come, for as long as that may take', async () => {
    const clock = new ManualClock();
    const server = await serve(() => new Response('fine'));
    ends.push(server.close, clock.restore);
    const raw = dial(Number(server.url.port));
    const text = all(raw);
    raw.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n');
    await once(raw, 'data');
    raw.write('AdaPOST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nAd');
    await once(raw, 'data');
    clock.advance(1_000);
    expect((await text).match(/HTTP\/1\.1 200|connection: \S+|fine/gi)).toEqual(
      Array.from({ length: 2 }, () => ['HTTP/1.1 200', 'Connection: keep-alive', 'fine']).flat(),
    );
  });

  it('answers 400 to what is no HTTP, and lives', async () => {
    const port = await served();
    const raw = dial(port);
    raw.write('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello');
    expect(await all(raw)).toMatch(/^HTTP\/1\.1 400/);
    const client = await connect('h2c', port);
    ends.push(() => client.leave());
    await client.ask({ method: 'POST', body: 'Ada' }).until('POST 3');
  });

  it.each(['a b', 'a/b', 'a:99999', '[::1', 'a\\b?'])('answers 400 to the host `%s`', async (host) => {
    const raw = dial(await served());
    raw.write(`GET / HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
    expect(await all(raw)).toMatch(/^HTTP\/1\.1 400/);
  });

  it('refuses to be a proxy', async () => {
    const session = http2.connect(`http://127.0.0.1:${await served()}`);
    ends.push(() => session.destroy());
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'a:1' });
    const [headers] = await once(stream, 'response');
    expect(headers[':status']).toBe(501);
  });
});

describe('TLS', () => {
  it.each([
    [['h2', 'http/1.1'], 'h2'],
    [['http/1.1'], 'http/1.1'],
    [['h2'], 'h2'],
    [undefined, false],
  ])('a client that offers %j gets %s', async (offered, chosen) => {
    const port = await served({ tls: certificate() });
    const socket = tls.connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...(offered && { ALPNProtocols: offered }),
    });
    ends.push(() => socket.destroy());
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(chosen);
    if (chosen === 'h2') return;
    socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\nconnection: close\r\n\r\nAda');
    expect(await all(socket)).toMatch(/POST 3$/);
  });

  it('lives on after a peer that speaks no TLS', async () => {
    const port = await served({ tls: certificate() });
    const raw = dial(port);
    raw.write('GET / HTTP/1.1\r\n\r\n');
    await closing(raw);
    const client = await connect('h2 over TLS', port);
    ends.push(() => client.leave());
    await client.ask({ method: 'POST', body: 'Ada' }).until('POST 3');
  });
});
