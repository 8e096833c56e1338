import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { clock } from '../../lib/core/index.ts';
import { tokenOf } from '../../lib/server/index.ts';
import { type Client, connect, type Protocol } from './support/peers.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const make: Record<string, () => Server> = {
  'HTTP/1.1': () => http.createServer(),
  h2c: () => http2.createServer(),
};

/** One request that waits on a server of its own. */
async function waiting(protocol: string) {
  const server = make[protocol]!();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  const client: Client = await connect(protocol as Protocol, (server.address() as AddressInfo).port);
  ends.push(() => client.leave());
  const asked = client.ask();
  const [req, res] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
  return { client, asked, req, res };
}

describe.each(Object.keys(make))('tokenOf over %s', (protocol) => {
  it('gives one request one token, however often it is asked', async () => {
    const { req, res } = await waiting(protocol);
    expect(tokenOf(req, res)).toBe(tokenOf(req, res));
    res.end();
  });

  it('a deadline below it that has passed is heard before the peer’s leaving, also while the timer for it is late', async () => {
    const { client, req, res } = await waiting(protocol);
    const { token } = tokenOf(req, res).child({ timeout: 20_000 });
    const reason = new Promise((resolve) => token.onCancel((error) => resolve(error.reason)));
    const { now } = clock;
    const late = vi.spyOn(clock, 'now').mockImplementation(() => now() + 20_000);
    client.leave();
    expect(await reason).toBe('TIMEOUT');
    late.mockRestore();
  });

  it('tells a peer that had left before anybody asked', async () => {
    const { client, req, res } = await waiting(protocol);
    const closed = once(res, 'close');
    client.leave();
    await closed;
    expect(tokenOf(req, res).reason).toBe('PEER_CLOSED');
  });

  it('asked after the end, is a token that nothing will cancel', async () => {
    const { asked, req, res } = await waiting(protocol);
    const closed = once(res, 'close');
    res.end('fine');
    await asked.until('fine');
    await closed;
    expect(tokenOf(req, res).cancelled).toBe(false);
    expect(tokenOf(req, res).canBeCancelled).toBe(false);
  });

  it('lets go at the end: nothing can cancel the token any more', async () => {
    const { req, res } = await waiting(protocol);
    const token = tokenOf(req, res);
    expect(token.canBeCancelled).toBe(true);
    const closed = once(res, 'close');
    res.end('fine');
    await closed;
    expect(token.canBeCancelled).toBe(false);
  });
});

describe('tokenOf', () => {
  it('tells a stream that was reset before anybody asked', async () => {
    const { asked, req, res } = await waiting('h2c');
    const reason = new Promise((resolve) => req.once('aborted', () => resolve(tokenOf(req, res).reason)));
    asked.reset();
    expect(await reason).toBe('CANCELLED');
  });

  it.each([
    [undefined, undefined],
    [{}, {}],
    [null, null],
    ['req', 'res'],
  ])('refuses %j and %j', (req, res) => {
    expect(() => tokenOf(req as never, res as never)).toThrow(
      'Expected `req` and `res` to be the request and response',
    );
  });

  it('leaves no listener behind on a connection that is used again and again', async () => {
    const { client, req, res } = await waiting('HTTP/1.1');
    const { socket } = req;
    const server = (socket as unknown as { server: http.Server }).server;
    const counts: number[] = [];
    let next = [req, res] as const;
    for (let i = 0; i < 20; i++) {
      const [request, response] = next;
      expect(request.socket).toBe(socket);
      tokenOf(request, response);
      counts.push(socket.listenerCount('close'));
      response.end('fine');
      client.ask();
      next = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
    }
    expect(new Set(counts).size).toBe(1);
  });
});
