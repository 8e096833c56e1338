import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { RpcError, service, unary } from '../../lib/rpc/index.ts';
import { createHandler, type HandlerOptions, implement } from '../../lib/rpc/server.ts';
import { GREET, Greeter, greetRequest, settled } from './support/greeter.ts';

function served(options: HandlerOptions = {}) {
  const greet = vi.fn(({ name }: { name: string }): { greeting: string } => ({ greeting: `Hello, ${name}` }));
  const errors: unknown[] = [];
  const handler = createHandler([implement(Greeter, { greet })], {
    onError: (error) => errors.push(error),
    ...options,
  });
  const ask = async (request: Request) => {
    const response = await handler(request);
    const text = await response.text();
    const json = response.headers.get('content-type') === 'application/json' ? JSON.parse(text) : undefined;
    return { status: response.status, headers: response.headers, text, json };
  };
  return { greet, errors, ask, handler };
}

describe('a request that is no call', () => {
  it.each([
    '/',
    '/demo.v1.Greeter',
    '/demo.v1.Greeter/',
    '/demo.v1.Greeter/Greet',
    '/greet',
    '/x/demo.v1.Greeter/greet',
    '/demo.v1.Greeter/greet/',
    '/__proto__/constructor',
  ])('to %s is 404 unimplemented', async (path) => {
    const { ask, greet } = served();
    const { status, json } = await ask(new Request(`http://localhost${path}`, { method: 'POST', body: '{}' }));
    expect([status, json]).toEqual([
      404,
      { code: 'unimplemented', message: `Expected the path of a method served here, got \`${path}\`.` },
    ]);
    expect(greet).not.toHaveBeenCalled();
  });

  it.each(['GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])('by %s is 405, and says what is allowed', async (method) => {
    const { status, headers, json } = await served().ask(new Request(`http://localhost${GREET}`, { method }));
    expect([status, headers.get('allow'), json]).toEqual([
      405,
      'POST',
      { code: 'unknown', message: `Expected POST, got ${method}.` },
    ]);
  });

  it.each([
    undefined,
    'text/plain',
    'application/connect+json',
    'application/proto',
    'application/x-www-form-urlencoded',
  ])('of content type %s is 415, and says what is accepted', async (type) => {
    const request = new Request(`http://localhost${GREET}`, { method: 'POST', body: new TextEncoder().encode('{}') });
    if (type !== undefined) request.headers.set('content-type', type);
    const { status, headers, json } = await served().ask(request);
    expect([status, headers.get('accept-post'), json]).toEqual([
      415,
      'application/json',
      { code: 'unknown', message: `Expected the content type \`application/json\`, got \`${type ?? 'none'}\`.` },
    ]);
  });

  it.each(['br', 'x'])('encoded with %s is unimplemented, and says what is taken', async (encoding) => {
    const { status, json } = await served().ask(greetRequest({}, { headers: { 'content-encoding': encoding } }));
    expect([status, json]).toEqual([
      501,
      { code: 'unimplemented', message: `Expected an encoding out of \`identity\` and \`gzip\`, got \`${encoding}\`.` },
    ]);
  });

  it('of another version of the protocol is 400', async () => {
    const { status, json } = await served().ask(greetRequest({}, { headers: { 'connect-protocol-version': '2' } }));
    expect([status, json]).toEqual([
      400,
      { code: 'invalid_argument', message: 'Expected `connect-protocol-version` to be 1, got `2`.' },
    ]);
  });

  it.each(['-5', '0', '12345678901', 'soon', '1.5', '5, 5'])(
    'with connect-timeout-ms: %s is 400 saying what is expected',
    async (value) => {
      const { ask, greet } = served();
      const { status, json } = await ask(greetRequest(undefined, { headers: { 'connect-timeout-ms': value } }));
      expect([status, json]).toEqual([
        400,
        {
          code: 'invalid_argument',
          message: `Expected \`connect-timeout-ms\` to be a positive whole number of milliseconds, 1 to 10 digits, got \`${value}\`.`,
        },
      ]);
      expect(greet).not.toHaveBeenCalled();
    },
  );
});

describe('a body', () => {
  it.each([
    ['', 'Expected the body to be JSON: '],
    ['{"name"', 'Expected the body to be JSON: '],
    [Uint8Array.of(0x22, 0xff, 0x22), 'Expected the body to be UTF-8.'],
    ['{"__proto__":{"name":"Ada"},"name":"Ada"}', 'Expected JSON without a key `__proto__`.'],
  ])('that is no JSON is 400 invalid_argument: %s', async (body, message) => {
    const { ask, greet } = served();
    const { status, json } = await ask(greetRequest(body));
    expect([status, json.code]).toEqual([400, 'invalid_argument']);
    expect(json.message).toContain(message);
    expect(greet).not.toHaveBeenCalled();
  });

  it('that its schema refuses is not repeated at length, whatever its keys are', async () => {
    const key = { input: z.record(z.string(), z.number()), output: z.null() };
    const Keys = service('demo.v1.Keys', { ask: unary(key) });
    const handler = createHandler([implement(Keys, { ask: () => null })]);
    const response = await handler(
      new Request('http://localhost/demo.v1.Keys/ask', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ['k'.repeat(100_000)]: 'x' }),
      }),
    );
    expect(response.status).toBe(400);
    const { message } = await response.json();
    expect(message).toMatch(/^Expected the request to fit the contract; `k{200}…`: /);
    expect(message.length).toBeLessThan(500);
  });

  it.each([
    [{}, '`name`: '],
    [{ name: 7 }, '`name`: '],
    [{ name: '' }, '`name`: '],
    [{ name: 'Ada', tags: [{ weight: 1 }, { weight: 'x' }] }, '`tags[1].weight`: '],
    [{ name: 1, tags: 2 }, '`name`: '],
    [{ name: 1, tags: 2 }, '; `tags`: '],
    ['7', '`request`: '],
    ['null', '`request`: '],
  ])('that its schema refuses is 400 invalid_argument naming the path: %j', async (body, path) => {
    const { status, json } = await served().ask(greetRequest(body));
    expect([status, json.code]).toEqual([400, 'invalid_argument']);
    expect(json.message).toContain('Expected the request to fit the contract; ');
    expect(json.message).toContain(path);
  });

  it('with a thousand faults is refused in a short text', async () => {
    const tags = Array.from({ length: 1_000 }, () => ({ weight: 'x' }));
    const { json } = await served().ask(greetRequest({ name: 'Ada', tags }));
    expect(json.message).toMatch(/and 992 more\.$/);
    expect(json.message.length).toBeLessThan(1_000);
  });

  it('over the limit is 413 resource_exhausted and is not read on', async () => {
    const { ask, greet } = served({ maxBodyBytes: 100 });
    let read = 0;
    let cancelled = false;
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          read++;
          controller.enqueue(new Uint8Array(60).fill(0x20));
        },
        cancel() {
          cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const { status, json } = await ask(greetRequest(endless));
    expect([status, json]).toEqual([
      413,
      { code: 'resource_exhausted', message: 'Expected a body of at most 100 bytes.' },
    ]);
    expect([read, cancelled]).toEqual([2, true]);
    expect(greet).not.toHaveBeenCalled();
  });

  it('announced over the limit is refused before a byte of it is read', async () => {
    let read = 0;
    const body = new ReadableStream<Uint8Array>({ pull: () => void read++ }, { highWaterMark: 0 });
    const { status } = await served({ maxBodyBytes: 100 }).ask(
      greetRequest(body, { headers: { 'content-length': '101' } }),
    );
    expect([status, read]).toEqual([413, 0]);
  });

  it('of exactly the limit is taken', async () => {
    expect((await served({ maxBodyBytes: 14 }).ask(greetRequest('{"name":"Ada"}'))).status).toBe(200);
    expect((await served({ maxBodyBytes: 13 }).ask(greetRequest('{"name":"Ada"}'))).status).toBe(413);
  });

  it('that breaks off is 400, and no error of ours', async () => {
    const broken = new ReadableStream({ start: (controller) => controller.error(new Error('gone')) });
    const { ask, errors } = served();
    const { status, json } = await ask(greetRequest(broken));
    expect([status, json.message]).toEqual([400, 'Expected the whole body, it broke off.']);
    expect(errors).toEqual([]);
  });
});

describe('an implementation', () => {
  const secret = new Error('password is 1234');

  it.each([
    [
      'throws',
      () => {
        throw secret;
      },
    ],
    ['rejects', () => Promise.reject(secret)],
  ])('that %s is 500 internal; message and stack stay here, for onError', async (_, work) => {
    const { greet, ask, errors } = served();
    greet.mockImplementation(work as never);
    const { status, text, json } = await ask(greetRequest());
    expect([status, json]).toEqual([500, { code: 'internal', message: 'The implementation failed.' }]);
    expect(text).not.toMatch(/password|at |\.ts/);
    await settled();
    expect(errors).toEqual([secret]);
  });

  it.each([[{ greeting: 7 }], [{}], [undefined], [null]])(
    'that answers %j against its contract is 500 internal, and onError is told why',
    async (answer) => {
      const { greet, ask, errors } = served();
      greet.mockReturnValue(answer as never);
      const { status, json } = await ask(greetRequest());
      expect([status, json]).toEqual([500, { code: 'internal', message: 'The implementation failed.' }]);
      await settled();
      expect(errors).toHaveLength(1);
      expect(String(errors[0])).toContain('Expected the response to fit the contract; ');
    },
  );

  it('that answers with what JSON cannot hold is 500 internal', async () => {
    const Loose = service('Loose', { any: unary({ input: z.unknown(), output: z.any() }) });
    const errors: unknown[] = [];
    const handler = createHandler([implement(Loose, { any: () => undefined })], {
      onError: (error) => errors.push(error),
    });
    const headers = { 'content-type': 'application/json' };
    const response = await handler(new Request('http://localhost/Loose/any', { method: 'POST', body: '{}', headers }));
    expect([response.status, await response.json()]).toEqual([
      500,
      { code: 'internal', message: 'The implementation failed.' },
    ]);
    await settled();
    expect(String(errors[0])).toContain('Expected the response to be a JSON value');
  });

  it('that throws an RpcError answers with its code, message, details and metadata, and not with its cause', async () => {
    const { greet, ask, errors } = served();
    greet.mockImplementation(() => {
      const details = [{ type: 'demo.Hint', value: 'YQ' }];
      throw new RpcError('not_found', 'no Ada', { details, metadata: { 'x-hint': 'b' }, cause: secret });
    });
    const { status, headers, text, json } = await ask(greetRequest());
    expect([status, headers.get('x-hint'), json]).toEqual([
      404,
      'b',
      { code: 'not_found', message: 'no Ada', details: [{ type: 'demo.Hint', value: 'YQ' }] },
    ]);
    expect(text).not.toContain('password');
    await settled();
    expect(errors).toEqual([]);
  });

  it('that passes on the error of its own call does not pass on what the other server put in its headers', async () => {
    const { greet, ask } = served();
    greet.mockImplementation(() => {
      throw new RpcError('unavailable', 'try C later', { metadata: { 'set-cookie': 'of=C' }, remote: true });
    });
    const { status, headers, json } = await ask(greetRequest());
    expect([status, headers.get('set-cookie'), json]).toEqual([
      503,
      null,
      { code: 'unavailable', message: 'try C later' },
    ]);
  });
});

describe('createHandler', () => {
  it('refuses a service that is implemented twice', () => {
    const greeter = implement(Greeter, { greet: () => ({ greeting: '' }) });
    expect(() => createHandler([greeter, greeter])).toThrow('Expected each service to be implemented once');
  });

  it.each([
    [{ maxBodyBytes: -1 }, RangeError],
    [{ maxBodyBytes: Number.NaN }, RangeError],
    [{ maxBodyBytes: '1' }, TypeError],
    [{ maxTimeoutMs: 0 }, RangeError],
    [{ shutdownGraceMs: -1 }, RangeError],
    [{ prefix: 'api' }, TypeError],
    [{ prefix: '/api/' }, TypeError],
    [{ prefix: '/a?b' }, TypeError],
  ])('refuses the options %j, naming the one', (options, Kind) => {
    const create = () => createHandler([], options as HandlerOptions);
    expect(create).toThrow(Kind);
    expect(create).toThrow(`\`${Object.keys(options)[0]}\``);
  });

  it('serves under a prefix, and there only', async () => {
    const { handler } = served({ prefix: '/api/v2' });
    const at = (path: string) => handler(new Request(`http://localhost${path}`, greetRequest()));
    expect((await at(`/api/v2${GREET}`)).status).toBe(200);
    expect((await at(GREET)).status).toBe(404);
  });

  it('finds a method whatever the query', async () => {
    const { handler } = served();
    expect((await handler(new Request(`http://localhost${GREET}?a=/b`, greetRequest()))).status).toBe(200);
  });
});
