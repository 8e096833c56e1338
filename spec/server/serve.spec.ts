import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type HandlerContext, type ServeOptions, type Server, serve, type WebHandler } from '../../lib/server/index.ts';
import { certificate } from './support/certificate.ts';
import { gate } from './support/gate.ts';
import { ManualClock } from './support/manual-clock.ts';
import { type Ask, connect, PROTOCOLS, type Protocol } from './support/peers.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function served(protocol: Protocol, handler: WebHandler, options: ServeOptions = {}) {
  const server: Server = await serve(handler, {
    ...options,
    tls: protocol === 'h2 over TLS' ? certificate() : undefined,
  });
  ends.push(server.close);
  const client = await connect(protocol, Number(server.url.port));
  ends.push(() => client.leave());
  return { server, client };
}

describe.each(PROTOCOLS)('over %s', (protocol) => {
  /** Asks a handler once and gives what came back. */
  async function ask(handler: WebHandler, ask: Ask = {}, options: ServeOptions = {}) {
    const { client } = await served(protocol, handler, options);
    const asked = client.ask(
      protocol === 'HTTP/1.1' ? { ...ask, headers: { connection: 'close', ...ask.headers } } : ask,
    );
    return { text: await asked.over, asked };
  }

  it('S3-19: a handler that knows of no token answers a request', async () => {
    const handler = async (request: Request) =>
      new Response(
        `${request.method} ${new URL(request.url).pathname} ${request.headers.get('x-a')} ${await request.text()}.`,
        {
          status: 201,
          headers: { 'x-b': '2' },
        },
      );
    const { text, asked } = await ask(handler, {
      method: 'POST',
      path: '/greet',
      headers: { 'x-a': '1' },
      body: 'Ada',
    });
    expect(text).toContain('POST /greet 1 Ada.');
    expect(asked.status).toBe(201);
    expect(asked.headers).toMatchObject({ 'x-b': '2', 'content-length': '18' });
  });

  it('the context tells who asks', async () => {
    let context!: HandlerContext;
    await ask((_, given) => {
      context = given;
      return new Response();
    });
    expect(context.peer).toEqual({
      address: '127.0.0.1',
      port: expect.any(Number),
      encrypted: protocol === 'h2 over TLS',
    });
  });

  it.each<[string, (request: Request) => unknown]>([
    ['text', async (request) => expect(await request.text()).toBe('{"a":1}')],
    ['json', async (request) => expect(await request.json()).toEqual({ a: 1 })],
    ['bytes of a buffer', async (request) => expect((await request.arrayBuffer()).byteLength).toBe(7)],
    ['blob', async (request) => expect((await request.blob()).size).toBe(7)],
    ['stream', async (request) => expect(await new Response(request.body).text()).toBe('{"a":1}')],
    ['clone', async (request) => expect(await request.clone().text()).toBe('{"a":1}')],
    [
      'second reading refused',
      async (request) => {
        await request.text();
        expect(request.bodyUsed).toBe(true);
        await expect(request.text()).rejects.toThrow(TypeError);
      },
    ],
    [
      'second reading refused in every other way',
      async (request) => {
        await request.text();
        for (const read of ['json', 'blob', 'arrayBuffer', 'formData'] as const) {
          await expect(request[read]()).rejects.toThrow(TypeError);
        }
        expect(() => request.clone()).toThrow(TypeError);
        expect(request.body).not.toBeNull();
      },
    ],
    [
      'fields of less use',
      (request) => expect([request.redirect, request.credentials]).toEqual(['follow', 'same-origin']),
    ],
    ['class', (request) => expect(request).toBeInstanceOf(Request)],
    ['signal', (request) => expect(request.signal).toBeInstanceOf(AbortSignal)],
    [
      'init of another request',
      async (request) => expect(await new Request('http://a/', request).text()).toBe('{"a":1}'),
    ],
  ])('the request has its %s', async (_, check) => {
    const failed = gate<unknown>();
    const handler = async (request: Request) => {
      await Promise.resolve(check(request)).then(() => failed.open(undefined), failed.open);
      return new Response();
    };
    await ask(handler, { method: 'POST', body: '{"a":1}' });
    expect(await failed.opened).toBeUndefined();
  });

  it.each([
    ['with a byte order mark', [0xef, 0xbb, 0xbf, 0x41, 0xef, 0xbb, 0xbf], 'A\ufeff'],
    ['that is no UTF-8', [0x41, 0xff, 0xc3], 'A\ufffd\ufffd'],
    ['of four bytes a letter', [0xf0, 0x9f, 0x98, 0x80], '😀'],
  ])('text %s is what a Request makes of it', async (_, bytes, expected) => {
    expect(await new Request('http://a/', { method: 'POST', body: new Uint8Array(bytes) }).text()).toBe(expected);
    const server = await serve(async (request) => Response.json(await request.text()));
    ends.push(server.close);
    const answer = await fetch(server.url, { method: 'POST', body: new Uint8Array(bytes) });
    expect(await answer.json()).toBe(expected);
  });

  it('a request without a body may be read again and again', async () => {
    const { text } = await ask(async (request) => {
      const read = [await request.text(), await request.text(), (await request.blob()).size];
      return Response.json([...read, request.bodyUsed, request.body]);
    });
    expect(text).toContain('["","",0,false,null]');
  });

  it.each<[string, () => Response, number, Record<string, string>]>([
    ['no body', () => new Response(null, { status: 204 }), 204, {}],
    ['an empty body', () => new Response(''), 200, { 'content-length': '0' }],
    ['JSON', () => Response.json({ a: 1 }), 200, { 'content-type': 'application/json' }],
    ['a redirect', () => Response.redirect('http://a/', 307), 307, { location: 'http://a/' }],
    ['fields of one connection', () => new Response('a', { headers: { 'keep-alive': 'timeout=9', te: 'x' } }), 200, {}],
  ])('a response may have %s', async (_, make, status, headers) => {
    const { asked } = await ask(make);
    expect(asked.status).toBe(status);
    expect(asked.headers).toMatchObject(headers);
  });

  it('each cookie keeps a field of its own', async () => {
    const headers = new Headers([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
    const { asked, text } = await ask(() => new Response('', { headers }));
    if (protocol === 'HTTP/1.1') expect(text).toMatch(/set-cookie: a=1\r\nset-cookie: b=2/i);
    else expect(asked.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it.each<[string, WebHandler]>([
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['returns nothing', () => undefined as never],
    [
      'returns a response that was read',
      async () => {
        const response = new Response('secret');
        await response.text();
        return response;
      },
    ],
    [
      'has a body that is no bytes',
      () => new Response(new ReadableStream({ start: (controller) => controller.enqueue('secret') })),
    ],
    [
      'has a body that fails at once',
      () => new Response(new ReadableStream({ start: (controller) => controller.error(new Error('secret')) })),
    ],
  ])('a handler that %s is answered for with 500, and reported', async (_, handler) => {
    const heard = gate<[unknown, string]>();
    const { text, asked } = await ask(handler, { path: '/bad' }, { onError: (...args) => heard.open(args) });
    expect(asked.status).toBe(500);
    expect(text).toContain('{"code":"internal","message":"The handler failed."}');
    expect(text).not.toContain('secret');
    expect(await heard.opened).toEqual([expect.any(Error), 'GET /bad']);
  });

  it('a body that fails half-way is cut, and reported', async () => {
    const heard = gate<unknown>();
    const begun = gate();
    const { client } = await served(
      protocol,
      () =>
        new Response(
          new ReadableStream({
            start: (controller) => controller.enqueue(Buffer.from('one')),
            async pull() {
              await begun.opened;
              throw new Error('half-way');
            },
          }),
        ),
      { onError: heard.open },
    );
    const asked = client.ask();
    await asked.until('one');
    begun.open();
    await asked.over;
    expect(asked.complete).toBe(false);
    expect(await heard.opened).toMatchObject({ message: 'half-way' });
  });

  it('a hook that throws takes nothing with it', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
    ends.push(() => warn.mockRestore());
    const onError = () => {
      throw new Error('of the hook');
    };
    const { asked } = await ask(() => Promise.reject(new Error('mine')), {}, { onError });
    expect(asked.status).toBe(500);
    expect(warn).toHaveBeenCalledWith(
      'onError failed',
      expect.objectContaining({ detail: expect.stringContaining('of the hook') }),
    );
  });

  it.each<[string, Ask]>([
    ['announced', { method: 'POST', body: 'too long for it' }],
    ['found while reading', { method: 'POST', body: 'too long for it', unfinished: true }],
  ])('a body over the limit, %s, is answered with 413', async (_, post) => {
    const clock = new ManualClock();
    ends.push(clock.restore);
    const asking = ask(async (request) => new Response(await request.text()), post, { maxBodyBytes: 9 });
    if (post.unfinished) {
      // A peer that goes on sending has a second to read the answer.
      await clock.armed(1_000);
      clock.advance(1_000);
    }
    const { text, asked } = await asking;
    expect(asked.status).toBe(413);
    expect(text).toContain('"code":"resource_exhausted","message":"Expected a body of at most 9 bytes."');
  });

  it('requests past maxRequests are answered with 503 and Retry-After', async () => {
    const held = gate<Response>();
    const taken = gate();
    const { server, client } = await served(
      protocol,
      () => {
        taken.open();
        return held.opened;
      },
      { maxRequests: 1, retryAfter: 7 },
    );
    const first = client.ask();
    await taken.opened;
    const other = await connect(protocol, Number(server.url.port));
    ends.push(() => other.leave());
    const refused = other.ask();
    await refused.until('"unavailable"');
    expect(refused.status).toBe(503);
    expect(refused.headers).toMatchObject({ 'retry-after': '7' });
    held.open(new Response('fine'));
    await first.until('fine');
  });

  it.each<[string, (request: Request) => Promise<unknown>]>([
    ['whole', (request) => request.text()],
    ['as a stream', (request) => new Response(request.body).text()],
  ])('a body that is asked for after the answer, %s, fails and does not hang', async (_, read) => {
    const later = gate();
    const failed = gate<unknown>();
    const { server, client } = await served(protocol, (request) => {
      void later.opened.then(() => read(request)).catch(failed.open);
      return new Response('fine');
    });
    await client.ask({ method: 'POST', body: 'Ada' }).until('fine');
    client.leave();
    await server.drain();
    later.open();
    expect(await failed.opened).toBeInstanceOf(Error);
  });

  it('S3-34: a client that leaves ends the source of a streamed body, with the reason', async () => {
    const ended = gate<unknown>();
    const { client } = await served(protocol, () => {
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(Buffer.from('one')),
        cancel: ended.open,
      });
      return new Response(body);
    });
    await client.ask().until('one');
    client.leave();
    expect(await ended.opened).toMatchObject({ reason: 'PEER_CLOSED' });
  });

  it('a slow reader slows the source of a body down', async () => {
    let pulled = 0;
    const stalled = gate();
    const { server, client } = await served(protocol, () => {
      const chunk = Buffer.alloc(1 << 20);
      // When nobody has pulled for a while of turns, the source rests.
      const body = new ReadableStream({
        pull(controller) {
          controller.enqueue(chunk);
          const count = ++pulled;
          let turns = 0;
          const look = () => {
            if (pulled !== count) return;
            if (++turns < 200) setImmediate(look);
            else stalled.open();
          };
          look();
        },
      });
      return new Response(body);
    });
    client.ask({ stall: true });
    await stalled.opened;
    expect(pulled).toBeLessThan(40);
    client.leave();
    await server.drain();
  });

  it('a slow handler slows an upload down', async () => {
    const got = gate<ReadableStreamDefaultReader<Uint8Array>>();
    const { client } = await served(
      protocol,
      (request) => {
        got.open((request.body as ReadableStream<Uint8Array>).getReader());
        return new Promise(() => {});
      },
      { maxBodyBytes: 1 << 30 },
    );
    const asked = client.ask({ method: 'POST', body: 'first', unfinished: true });
    const reader = await got.opened;
    await reader.read();
    for (let i = 0; i < 64; i++) asked.send('x'.repeat(1 << 20));
    // Long enough for all of it to arrive, if anybody took it.
    let last = -1;
    for (let turns = 0; turns < 300; turns++) {
      await new Promise(setImmediate);
      if (asked.unsent !== last) turns = 0;
      last = asked.unsent;
    }
    expect(asked.unsent).toBeGreaterThan(32 << 20);
  });

  it('S3-22: the token speaks before a write could fail', async () => {
    const order: string[] = [];
    const done = gate();
    let write!: () => void;
    const { client } = await served(
      protocol,
      (_, { token }) => {
        token.onCancel(({ reason }) => {
          order.push(reason);
          done.open();
        });
        const body = new ReadableStream({
          start(controller) {
            write = () => controller.enqueue(Buffer.from('more'));
            controller.enqueue(Buffer.from('one'));
          },
          cancel: () => void order.push('source ended'),
        });
        return new Response(body);
      },
      { onError: () => order.push('error') },
    );
    await client.ask().until('one');
    client.leave();
    await done.opened;
    expect(() => write()).toThrow();
    expect(order).toEqual(['source ended', 'PEER_CLOSED']);
  });
});

describe('options', () => {
  const none: WebHandler = () => new Response();

  it.each<[Record<string, unknown>, string]>([
    [
      { requestTimeoutMs: -1 },
      'Expected `requestTimeoutMs` to be a number of milliseconds, 0 or more (0 switches it off), got -1.',
    ],
    [{ handlerTimeoutMs: Number.NaN }, '`handlerTimeoutMs`'],
    [
      { bodyTimeoutMs: '5s' },
      "`bodyTimeoutMs` to be a number of milliseconds, 0 or more (0 switches it off), got '5s'",
    ],
    [{ handlerTimeoutMs: 70_000 }, 'Expected `requestTimeoutMs` (60000) to be no less than `handlerTimeoutMs` (70000)'],
    [{ requestTimeoutMs: 10, bodyTimeoutMs: 20 }, '`bodyTimeoutMs` (20)'],
    [{ port: 70_000 }, '`port` to be a port, 0 to 65535, got 70000'],
    [{ maxBodyBytes: 1.5 }, '`maxBodyBytes`'],
    [{ http2: 'h3' }, "`http2` to be 'h2c', 'tls' or false, got 'h3'"],
    [{ http2: 'tls' }, "`http2` to be 'h2c' or false without `tls`"],
    [{ tls: {}, http2: 'h2c' }, "`http2` to be 'tls' or false with `tls`"],
    [{ signals: ['SIGNOPE'] }, '`signals.0`'],
    [{ drain: { graceMs: 'x' } }, '`drain.graceMs`'],
    [{ onError: 1 }, '`onError` to be a function'],
    [{ prot: 1 }, 'Expected no option `prot`; there are port, '],
  ])('S3-29: %j is refused before anything listens', (options, message) => {
    expect(() => serve(none, options as ServeOptions)).toThrow(TypeError);
    expect(() => serve(none, options as ServeOptions)).toThrow(message);
  });

  it('a handler that is none is refused', () => {
    expect(() => serve('hi' as never)).toThrow('Expected `handler` to be a function, got hi.');
  });

  it('S3-29: the defaults are a minute for a request and half of that for its parts', async () => {
    const { settingsOf } = await import('../../lib/server/settings.ts');
    expect(settingsOf({})).toMatchObject({
      requestTimeoutMs: 60_000,
      handlerTimeoutMs: 30_000,
      bodyTimeoutMs: 30_000,
      http2: 'h2c',
    });
    expect(settingsOf({ requestTimeoutMs: 0, bodyTimeoutMs: 0 })).toMatchObject({
      requestTimeoutMs: Number.POSITIVE_INFINITY,
      bodyTimeoutMs: Number.POSITIVE_INFINITY,
      handlerTimeoutMs: 30_000,
    });
  });

  it('a port in use is said plainly', async () => {
    const server = await serve(none);
    ends.push(server.close);
    const port = Number(server.url.port);
    await expect(serve(none, { port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `Port ${port} on 127.0.0.1 is in use; choose another one, or 0 for any that is free.`,
    });
  });

  it('tells the address it listens on', async () => {
    await using server = await serve(none, { host: '0.0.0.0' });
    expect(server.url.href).toMatch(/^http:\/\/localhost:\d+\/$/);
    await using secure = await serve(none, { tls: certificate() });
    expect(secure.url.href).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/$/);
  });

  it('http2: false leaves HTTP/1.1 alone on the port', async () => {
    await using server = await serve(() => new Response('fine'), { http2: false });
    const raw = net.connect(Number(server.url.port), '127.0.0.1');
    raw.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const [answer] = await once(raw, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 4/);
    raw.destroy();
    const client = await connect('HTTP/1.1', Number(server.url.port));
    await client.ask().until('fine');
    client.leave();
  });
});
