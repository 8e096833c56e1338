// A response made lazily is a Response in all that can be asked of it, and on the wire.
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FastResponse, type Server, serve } from '../../lib/server/index.ts';
import { certificate } from './support/certificate.ts';
import { type Ask, connect, PROTOCOLS, type Protocol } from './support/peers.ts';

type Arguments = [body?: BodyInit | null, init?: ResponseInit];

const bytes = () => new Uint8Array([65, 100, 97]);

const FORMS: Record<string, () => Arguments> = {
  nothing: () => [],
  text: () => ['Ada'],
  'text that is not ASCII': () => ['Адa 👋'],
  'no text': () => [''],
  bytes: () => [bytes()],
  'a part of a buffer': () => [bytes().subarray(1, 2)],
  'an array buffer': () => [bytes().buffer],
  'a blob': () => [new Blob(['Ada'], { type: 'text/x-a' })],
  'a form': () => [new URLSearchParams({ a: '1' })],
  'a stream': () => [new Blob(['Ada']).stream()],
  'a status': () => ['Ada', { status: 404 }],
  'a status without a body': () => [null, { status: 204 }],
  'a status in words': () => ['Ada', { status: 200, statusText: 'Fine' }],
  'fields of an object': () => ['Ada', { headers: { 'X-A': '1', 'content-type': 'text/x-b' } }],
  'fields of Headers': () => ['Ada', { headers: new Headers({ 'x-a': '1' }) }],
  'a list of fields': () => [
    'Ada',
    {
      headers: [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
    },
  ],
  'a field twice, in other letters': () => ['Ada', { headers: { 'x-a': '1', 'X-A': '2' } }],
  'a field named as a property': () => ['Ada', { headers: { constructor: '1' } }],
  'a field with blanks around it': () => ['Ada', { headers: { 'x-a': ' 1 ' } }],
  'a field with bytes of Latin-1': () => ['Ada', { headers: { 'x-a': 'é' } }],
  'a field without a value': () => ['Ada', { headers: { 'x-a': '' } }],
  'a field of the connection': () => ['Ada', { headers: { connection: 'close' } }],
  'several cookies': () => {
    const headers = new Headers();
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2');
    return ['Ada', { headers }];
  },
};

/** All that can be asked of a response without using its body up. */
function shown(response: Response) {
  const { status, statusText, ok, type, url, redirected, bodyUsed } = response;
  return { status, statusText, ok, type, url, redirected, bodyUsed, headers: [...response.headers] };
}

describe.each(Object.entries(FORMS))('made of %s', (_, form) => {
  const made = () => [new Response(...form()), new FastResponse(...form())] as const;

  it('shows what a Response shows', () => {
    const [plain, fast] = made();
    expect(shown(fast)).toEqual(shown(plain));
    expect(fast.body === null).toBe(plain.body === null);
  });

  it.each(['text', 'arrayBuffer', 'blob'] as const)('gives its %s, once', async (read) => {
    const [plain, fast] = made();
    expect(await fast[read]()).toEqual(await plain[read]());
    expect(fast.bodyUsed).toBe(plain.bodyUsed);
    const [again, fastAgain] = await Promise.all(
      [plain, fast].map((one) => one[read]().catch((error: Error) => error)),
    );
    expect(fastAgain instanceof TypeError).toBe(again instanceof TypeError);
  });

  it('makes a clone, which is the platform’s', async () => {
    const [plain, fast] = made();
    fast.headers.set('x-late', '1');
    plain.headers.set('x-late', '1');
    const clone = fast.clone();
    expect(shown(clone)).toEqual(shown(plain.clone()));
    expect(await clone.text()).toBe(await fast.text());
  });
});

it('gives its JSON', async () => {
  expect(await new FastResponse('{"a":1}').json()).toEqual({ a: 1 });
  await expect(new FastResponse('{').json()).rejects.toThrow(SyntaxError);
});

it('keeps the headers that it handed out', () => {
  const response = new FastResponse('Ada');
  const { headers } = response;
  void response.body;
  expect(response.headers).toBe(headers);
});

// Node 20 and 22 refuse them, later lines don't.
it('takes bytes that are shared as a Response does', async () => {
  const read = async (Class: typeof Response) => {
    try {
      return await new Class(new Uint8Array(new SharedArrayBuffer(1)) as never).text();
    } catch (error) {
      return (error as Error).name;
    }
  };
  expect(await read(FastResponse)).toBe(await read(Response));
});

it('has no type once it was taken away', async () => {
  const response = new FastResponse('Ada');
  response.headers.delete('content-type');
  expect((await response.blob()).type).toBe('');
});

it('keeps the bytes that it was made of, whatever becomes of the buffer', async () => {
  const buffer = bytes();
  const response = new FastResponse(buffer);
  buffer.fill(0);
  expect(await response.text()).toBe('Ada');
});

it.each<[string, unknown[]]>([
  ['a status that is none', ['Ada', { status: 99 }]],
  ['a status that is too high', ['Ada', { status: 600 }]],
  ['a body where there may be none', ['Ada', { status: 204 }]],
  ['the name of no field', ['Ada', { headers: { 'a b': '1' } }]],
  ['the value of no field', ['Ada', { headers: { 'x-a': '1\r\nx-b: 2' } }]],
  ['words of no status', ['Ada', { statusText: '\n' }]],
  ['options that are none', ['Ada', 1]],
  ['headers that are none', ['Ada', { headers: null }]],
])('refuses %s as a Response does', (_, given) => {
  const refusal = (make: () => unknown) => {
    try {
      return make();
    } catch (error) {
      return [(error as Error).name, (error as Error).message];
    }
  };
  const expected = refusal(() => new Response(...(given as Arguments)));
  expect(expected).toHaveLength(2);
  expect(refusal(() => new FastResponse(...(given as Arguments)))).toEqual(expected);
});

describe('its static methods', () => {
  it.each<[unknown, ResponseInit?]>([
    [{ a: 1 }],
    [null],
    ['é'],
    [[1], { status: 201, headers: { 'x-a': '1' } }],
    [[1], { headers: { 'content-type': 'application/problem+json' } }],
    [[1], { headers: new Headers({ 'x-a': '1' }) }],
    [[1], { headers: [['x-a', '1']] }],
    [[1], { statusText: 'Made' }],
  ])('json(%j, %j)', async (data, init) => {
    const [plain, fast] = [Response.json(data, init), FastResponse.json(data, init)];
    expect(shown(fast)).toEqual(shown(plain));
    expect(await fast.text()).toBe(await plain.text());
  });

  it('json() asks for the data once', () => {
    const asked = vi.fn(() => 1);
    FastResponse.json({ toJSON: asked }, { statusText: 'Made' });
    FastResponse.json({ toJSON: asked });
    expect(asked).toHaveBeenCalledTimes(2);
  });

  it('json() of nothing is refused, error() and redirect() are the platform’s', () => {
    expect(() => FastResponse.json(undefined)).toThrow(TypeError);
    expect(shown(FastResponse.error())).toEqual(shown(Response.error()));
    expect(shown(FastResponse.redirect('http://a.example/', 307))).toEqual(
      shown(Response.redirect('http://a.example/', 307)),
    );
  });
});

it('is a Response, and may stand in for the class', () => {
  expect(new FastResponse()).toBeInstanceOf(Response);
  expect(new Response()).toBeInstanceOf(FastResponse);
  expect({}).not.toBeInstanceOf(FastResponse);
  expect(FastResponse.name).toBe('Response');
  class Below extends FastResponse {}
  expect([new Below(), new Response()].map((one) => one instanceof Below)).toEqual([true, false]);
  expect(Object.prototype.toString.call(new FastResponse())).toBe('[object Response]');
});

it('makes the answers of a framework where it stands in for the class', async () => {
  vi.stubGlobal('Response', FastResponse);
  const app = new Hono();
  app.get('/json', (context) => context.json({ a: 1 }, 201, { 'x-a': '1' }));
  app.get('/page', (context) => {
    context.header('x-b', '2');
    return context.html('<p>Ada</p>');
  });
  app.get('/fetched', () => Response.redirect('http://a.example/', 302));
  const server = await serve((request) => app.fetch(request));
  const client = await connect('HTTP/1.1', Number(server.url.port));
  const json = client.ask({ path: '/json' });
  expect(await json.until('{"a":1}')).toMatch(/^HTTP\/1\.1 201 Created\r\n(.*\r\n)*x-a: 1\r\n/);
  expect(await client.ask({ path: '/page' }).until('</p>')).toContain('x-b: 2\r\n');
  expect(await client.ask({ path: '/fetched' }).until('http://a.example/')).toContain('HTTP/1.1 302 Found');
  expect(await client.ask({ path: '/none' }).until('Not Found\r\n')).toContain('HTTP/1.1 404 Not Found');
  client.leave();
  await server.close();
  vi.unstubAllGlobals();
});

it('makes no real one before it is asked for more than what it was made of', async () => {
  let count = 0;
  class Counted extends Response {
    constructor(...given: Arguments) {
      super(...given);
      count++;
    }
  }
  vi.stubGlobal('Response', Counted);
  vi.resetModules();
  const fresh = await import('../../lib/server/index.ts');
  vi.unstubAllGlobals();
  vi.resetModules();
  const response = new fresh.FastResponse('Ada', { headers: { 'x-a': '1' } });
  const server = await fresh.serve(() => response);
  const client = await connect('HTTP/1.1', Number(server.url.port));
  await client.ask().until('Ada');
  client.leave();
  await server.close();
  expect([response.status, response.headers.get('x-a'), count]).toEqual([200, '1', 0]);
  expect([response.body === null, count]).toEqual([false, 1]);
});

describe.each(PROTOCOLS)('over %s', (protocol: Protocol) => {
  let server: Server;
  /** What the handler answers with. */
  let make: () => Response;
  const failed = vi.fn();
  beforeAll(async () => {
    const tls = protocol === 'h2 over TLS' ? certificate() : undefined;
    server = await serve(() => make(), { tls, onError: failed });
  });
  afterAll(() => server.close());

  /** What comes over the wire. */
  async function wire(answer: () => Response, ask: Ask = {}) {
    make = answer;
    const client = await connect(protocol, Number(server.url.port));
    const asked = client.ask(protocol === 'HTTP/1.1' ? { ...ask, headers: { connection: 'close' } } : ask);
    const all = await asked.over;
    client.leave();
    const { date, ...headers } = asked.headers;
    // What else stands in the whole of HTTP/1.1 is the head.
    return { status: asked.status, headers: { ...headers }, body: all.slice(all.indexOf('\r\n\r\n') + 1) };
  }

  it.each(Object.entries(FORMS))('%s goes out as from a Response', async (_, form) => {
    expect(await wire(() => new FastResponse(...form()))).toEqual(await wire(() => new Response(...form())));
  });

  it('HEAD is answered with the length that it knows', async () => {
    const { headers, body } = await wire(() => new FastResponse('Адa'), { method: 'HEAD' });
    expect(headers).toMatchObject({ 'content-length': '5' });
    expect(body).not.toContain('a');
  });

  it('headers that were changed afterwards go out as they are then', async () => {
    const { headers } = await wire(() => {
      const response = new FastResponse('Ada', { headers: { 'x-a': '1', 'x-b': '1' } });
      response.headers.set('x-a', '2');
      response.headers.delete('x-b');
      response.headers.append('set-cookie', 'a=1');
      return response;
    });
    expect(headers).toMatchObject({ 'x-a': '2', 'set-cookie': protocol === 'HTTP/1.1' ? 'a=1' : ['a=1'] });
    expect(headers).not.toHaveProperty('x-b');
  });

  it('one whose body was read is refused, as a Response is', async () => {
    const { status } = await wire(() => {
      const response = new FastResponse('Ada');
      void response.text();
      return response;
    });
    expect(status).toBe(500);
    expect(failed.mock.lastCall?.[0]).toMatchObject({ message: expect.stringContaining('whose body was not read') });
  });
});
