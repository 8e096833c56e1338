// The clients that load servers in benchmarks, against servers of Node.
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { http1Load } from '../../bench/load/http1.ts';
import { http2Load } from '../../bench/load/http2.ts';
import type { Ask } from '../../bench/load/load.ts';

type Listener = (req: http.IncomingMessage, res: http.ServerResponse) => unknown;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const PROTOCOLS = {
  'HTTP/1.1': { load: http1Load, make: (listener: Listener): Server => http.createServer(listener) },
  h2c: { load: http2Load, make: (listener: Listener): Server => http2.createServer(listener as never) },
};

const GET: Ask = { method: 'GET', path: '/' };
const POST: Ask = { method: 'POST', path: '/greet', headers: { 'x-a': '1' }, body: 'Ada' };

describe.each(Object.entries(PROTOCOLS))('over %s', (_, { load, make }) => {
  async function loaded(listener: Listener, width: number, ask: Ask) {
    const server = make(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = await load((server.address() as AddressInfo).port, width, ask);
    ends.push(() => server.close(), client.close.bind(client));
    return client;
  }

  it('keeps so many requests under way, and counts the answers', async () => {
    let answers = 0;
    let [now, most] = [0, 0];
    const client = await loaded(
      (_, res) => {
        most = Math.max(most, ++now);
        // Time for the others to come.
        setTimeout(() => {
          now--;
          answers++;
          res.end('x'.repeat(20_000));
        }, 1);
      },
      7,
      GET,
    );
    for (let round = 0; round < 2; round++) {
      const before = answers;
      const found = await client.run(5);
      expect(found.answers).toBe(answers - before);
      expect(found.answers).toBeGreaterThanOrEqual(7);
      expect(found.ms).toBeGreaterThanOrEqual(5);
    }
    expect(most).toBe(7);
  });

  it('sends the method, the path, the headers and the body', async () => {
    const seen: unknown[] = [];
    const client = await loaded(
      async (req, res) => {
        let body = '';
        for await (const chunk of req) body += chunk;
        seen.push([req.method, req.url, req.headers['x-a'], req.headers['content-length'], body]);
        res.end();
      },
      1,
      POST,
    );
    await client.run(0);
    expect(seen).toEqual([['POST', '/greet', '1', '3', 'Ada']]);
  });

  it('holds requests that nobody answers', async () => {
    let held = 0;
    let onHeld = () => {};
    const all = new Promise<void>((resolve) => {
      onHeld = resolve;
    });
    const client = await loaded(() => ++held === 1_010 && onHeld(), 1_010, GET);
    await client.hold();
    await all;
  });

  it('takes no other status than 200', async () => {
    const client = await loaded((_, res) => void res.writeHead(503, { 'content-length': 0 }).end(), 2, GET);
    await expect(client.run(0)).rejects.toThrow(/^answered /);
  });

  it('takes no connection that is closed for an answer', async () => {
    const client = await loaded((req) => req.socket.destroy(), 2, GET);
    await expect(client.run(0)).rejects.toThrow();
  });
});
