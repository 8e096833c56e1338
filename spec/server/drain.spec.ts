import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { CancellationError, CancellationToken } from '../../lib/core/index.ts';
import { type ServeOptions, type Server, serve } from '../../lib/server/index.ts';
import { type Exchange, exchangeHandler } from '../../lib/wire/index.ts';
import { certificate } from './support/certificate.ts';
import { gate, Inbox } from './support/gate.ts';
import { ManualClock } from './support/manual-clock.ts';
import { type Client, connect, PROTOCOLS } from './support/peers.ts';

interface Held {
  token: CancellationToken;
  path: string;
  release(response?: Response): void;
  fail(error: unknown): void;
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

describe.each(PROTOCOLS)('over %s', (protocol) => {
  /** A server whose handlers hang until they are released. */
  async function set(options: ServeOptions = {}) {
    const held = new Inbox<Held>();
    const handler = (request: Request, { token }: { token: CancellationToken }) =>
      new Promise<Response>((resolve, reject) => {
        held.put({
          token,
          path: new URL(request.url).pathname,
          release: (response = new Response('done')) => resolve(response),
          fail: reject,
        });
      });
    const server: Server = await serve(handler, {
      ...options,
      tls: protocol === 'h2 over TLS' ? certificate() : undefined,
    });
    ends.push(server.close);
    const port = Number(server.url.port);
    const client = await dial(port);
    return { server, held, port, client };
  }

  async function dial(port: number): Promise<Client> {
    const client = await connect(protocol, port);
    ends.push(() => client.leave());
    return client;
  }

  function manual(): ManualClock {
    const clock = new ManualClock();
    ends.push(clock.restore);
    return clock;
  }

  it('S3-27: resolves as soon as the last request has ended, and counts it as drained', async () => {
    const { server, held, client } = await set();
    const asked = client.ask();
    const request = await held.take();
    const report = server.drain({ graceMs: 60_000, timeoutMs: 60_000 });
    expect(request.token.cancelled).toBe(false);
    request.release();
    expect(await report).toMatchObject({ drained: 1, cancelled: 0, timedOut: 0, crashed: 0, stillRunning: [] });
    expect(await asked.over).toContain('done');
    if (protocol === 'HTTP/1.1') expect(asked.headers).toMatchObject({ connection: 'close' });
    await client.gone;
  });

  it('S3-08, S3-33: when the grace is over, SHUTDOWN reaches every request in flight', async () => {
    const clock = manual();
    const { server, held, port, client } = await set();
    const others = protocol === 'HTTP/1.1' ? [await dial(port), await dial(port)] : [client, client];
    for (const each of [client, ...others]) each.ask();
    const requests = [await held.take(), await held.take(), await held.take()];
    const report = server.drain({ graceMs: 300, timeoutMs: 60_000 });
    clock.advance(299);
    expect(requests.map(({ token }) => token.reason)).toEqual([undefined, undefined, undefined]);
    const stopped = Promise.all(requests.map(cancelled));
    clock.advance(1);
    await stopped;
    expect(requests.map(({ token }) => token.reason)).toEqual(['SHUTDOWN', 'SHUTDOWN', 'SHUTDOWN']);
    for (const request of requests) request.fail(request.token.error);
    expect(await report).toMatchObject({ drained: 0, cancelled: 3, timedOut: 0 });
  });

  it('S3-18, S3-21: what a handler still brings after SHUTDOWN is delivered', async () => {
    const { server, held, client } = await set();
    const asked = client.ask();
    const request = await held.take();
    const report = server.drain({ graceMs: 0, timeoutMs: 60_000 });
    await cancelled(request);
    request.release(new Response('{"partial":3}'));
    expect(await asked.over).toContain('{"partial":3}');
    expect(asked.status).toBe(200);
    expect(await report).toMatchObject({ cancelled: 1, timedOut: 0 });
  });

  it('answers 503 for a handler that stops at SHUTDOWN', async () => {
    const { server, held, client } = await set();
    const asked = client.ask();
    const request = await held.take();
    const report = server.drain({ graceMs: 0, timeoutMs: 60_000 });
    request.fail((await cancelled(request)).error);
    expect(await asked.over).toContain('"code":"unavailable"');
    expect(asked.status).toBe(503);
    await report;
  });

  it('S3-24, S3-26: when the time is up it answers 503 by itself, closes, and names the handlers that still run', async () => {
    const clock = manual();
    const { server, held, client } = await set();
    const asked = client.ask({ path: '/stuck' });
    const request = await held.take();
    clock.advance(1_000);
    const report = server.drain({ graceMs: 0, timeoutMs: 500 });
    await cancelled(request);
    clock.advance(500);
    expect(await asked.over).toContain('The server is shutting down.');
    expect(asked.status).toBe(503);
    expect(await report).toMatchObject({
      drained: 0,
      cancelled: 0,
      timedOut: 1,
      stillRunning: [{ name: 'GET /stuck', ageMs: 1_500 }],
    });
  });

  it.each([0, -1])('S3-25: drain(%s) is a hard stop, as close() is', async (timeoutMs) => {
    const { server, held, client } = await set();
    client.ask();
    const request = await held.take();
    expect(await server.drain(timeoutMs)).toMatchObject({ timedOut: 1 });
    expect(request.token.reason).toBe('SHUTDOWN');
    await client.gone;
  });

  it.each([{ graceMs: Number.NaN }, { timeoutMs: '5' }, Number.NaN])('drain(%j) is refused', async (options) => {
    const { server } = await set();
    expect(() => server.drain(options as never)).toThrow('to be a number of milliseconds');
  });

  it('S3-25: there is one drain, whoever asks, and close() forces it', async () => {
    const { server, held, client } = await set();
    client.ask();
    await held.take();
    const first = server.drain({ graceMs: 1e6, timeoutMs: 1e6 });
    const second = server.drain();
    await server.close();
    expect(await second).toBe(await first);
    expect(await first).toMatchObject({ timedOut: 1 });
    expect(await server.drain()).toBe(await first);
  });

  it('S3-28: refuses newcomers, while those in flight go on', async () => {
    const { server, held, port, client } = await set();
    const asked = client.ask();
    const request = await held.take();
    const report = server.drain({ graceMs: 60_000 });
    const socket = net.connect(port, '127.0.0.1');
    const [error] = await once(socket, 'error');
    expect(error.code).toBe('ECONNREFUSED');
    expect(request.token.cancelled).toBe(false);
    request.release();
    expect(await asked.over).toContain('done');
    await report;
    expect(held.size).toBe(0);
  });

  it('an exchange handler answers for itself; the server has no word in it', async () => {
    const seen = gate<CancellationToken>();
    const direct = async (exchange: Exchange) => {
      seen.open(exchange.token);
      const { error } = await cancelled(exchange);
      exchange.respond(503, {}, `mine: ${error.reason}`);
    };
    const server = await serve(
      Object.assign(() => new Response(), { [exchangeHandler]: direct }),
      {
        tls: protocol === 'h2 over TLS' ? certificate() : undefined,
      },
    );
    ends.push(server.close);
    const client = await dial(Number(server.url.port));
    const asked = client.ask();
    await seen.opened;
    const report = server.drain({ graceMs: 0, timeoutMs: 60_000 });
    expect(await asked.over).toContain('mine: SHUTDOWN');
    expect(await report).toMatchObject({ cancelled: 1, timedOut: 0 });
  });

  it('lets a streamed response come to its end within the grace, and then the connection', async () => {
    // On a clock that stands still nothing is forced.
    manual();
    const { server, held, client } = await set();
    const asked = client.ask();
    let stream!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        stream = controller;
      },
    });
    (await held.take()).release(new Response(body));
    stream.enqueue(Buffer.from('one'));
    await asked.until('one');
    const report = server.drain({ graceMs: 60_000 });
    stream.enqueue(Buffer.from('two'));
    stream.close();
    expect(await asked.over).toContain('two');
    expect(asked.complete).toBe(true);
    expect(await report).toMatchObject({ drained: 1 });
    await client.gone;
  });

  it('ends the source of a streamed body that it cuts', async () => {
    const { server, held, client } = await set();
    const asked = client.ask();
    const ended = gate<unknown>();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Buffer.from('one')),
      cancel: ended.open,
    });
    (await held.take()).release(new Response(body));
    await asked.until('one');
    await server.close();
    expect(await ended.opened).toMatchObject({ reason: 'SHUTDOWN' });
    await asked.over;
    expect(asked.complete).toBe(false);
  });

  it('waits for a handler whose peer has gone, and reports it when it does not end', async () => {
    const clock = manual();
    const { server, held, client } = await set();
    client.ask({ path: '/zombie' });
    const request = await held.take();
    const stopped = cancelled(request);
    client.leave();
    await stopped;
    const report = server.drain({ graceMs: 100, timeoutMs: 100 });
    clock.advance(100);
    await clock.armed(100);
    clock.advance(100);
    expect(await report).toMatchObject({ timedOut: 1, stillRunning: [{ name: 'GET /zombie' }] });
  });
});

describe('over HTTP/1.1', () => {
  it('S3-28: answers 503 to a request that comes on a connection in use, and closes it', async () => {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const stream = new ReadableStream<Uint8Array>({
      start(made) {
        controller = made;
      },
    });
    const server = await serve(() => new Response(stream));
    ends.push(server.close);
    const client = await connect('HTTP/1.1', Number(server.url.port));
    const asked = client.ask({ path: '/first' });
    // Each of these needs a turn of the server's event loop: after two, it has read what came before them.
    const roundTrip = async (text: string) => {
      controller.enqueue(Buffer.from(text));
      await asked.until(text);
    };
    await roundTrip('one');
    const report = server.drain({ graceMs: 60_000 });
    client.ask({ path: '/second' });
    await roundTrip('two');
    await roundTrip('three');
    controller.close();
    const all = await asked.over;
    expect(all).toContain('three');
    expect(all).toMatch(/HTTP\/1.1 503[\s\S]*onnection: close[\s\S]*"unavailable"/);
    expect(await report).toMatchObject({ drained: 1, refused: 1 });
  });
});

describe('signals', () => {
  it('the first drains, the second forces, and then they are let go', async () => {
    const held = gate();
    const server = await serve(
      () => {
        held.open();
        return new Promise<Response>(() => {});
      },
      { signals: ['SIGUSR2'], drain: { graceMs: 1e6, timeoutMs: 1e6 } },
    );
    const client = await connect('HTTP/1.1', Number(server.url.port));
    const asked = client.ask();
    await held.opened;
    process.emit('SIGUSR2');
    expect(process.listenerCount('SIGUSR2')).toBe(1);
    process.emit('SIGUSR2');
    expect(await asked.over).toContain('503');
    expect(await server.drain()).toMatchObject({ timedOut: 1 });
    expect(process.listenerCount('SIGUSR2')).toBe(0);
  });

  it('are let go by a drain that somebody else asked for', async () => {
    const server = await serve(() => new Response(), { signals: ['SIGUSR2'] });
    expect(process.listenerCount('SIGUSR2')).toBe(1);
    await server.drain();
    expect(process.listenerCount('SIGUSR2')).toBe(0);
  });
});

const cancelled = ({ token }: { token: CancellationToken }) =>
  new Promise<{ error: CancellationError }>((resolve) => token.onCancel((error) => resolve({ error })));
