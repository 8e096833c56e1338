import { getEventListeners, once } from 'node:events';
import http, { type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, reasonOf, snapshot } from '../../lib/core/index.ts';
import { createClient, fetchTransport } from '../../lib/rpc/client.ts';
import { RpcError } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { gate } from './support/gate.ts';
import { fetchInto, Greeter } from './support/greeter.ts';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

/** A server on loopback, and a client of it over the global fetch. */
async function listening(listener: RequestListener) {
  const server = http.createServer(listener);
  servers.push(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, baseUrl, client: createClient(Greeter, { baseUrl }) };
}

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

const ada = { name: 'Ada' };
const hello = (_: unknown, response: http.ServerResponse) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"greeting":"hello"}');

describe('over fetch', () => {
  it('a call is a POST that a person could make by hand', async () => {
    const seen: unknown[] = [];
    const { client } = await listening((request, response) => {
      const { method, url, headers } = request;
      seen.push(
        method,
        url,
        headers['content-type'],
        headers['connect-protocol-version'],
        headers['connect-timeout-ms'],
      );
      hello(request, response);
    });
    expect(await client.greet(ada, { timeout: Number.POSITIVE_INFINITY })).toEqual({ greeting: 'hello' });
    expect(seen).toEqual(['POST', '/demo.v1.Greeter/greet', 'application/json', '1', undefined]);
  });

  it('appends paths to the base URL, whatever slash it ends in', async () => {
    const urls: string[] = [];
    const fetch = (url: string) => {
      urls.push(url);
      return Promise.resolve(Response.json({ greeting: 'hello' }));
    };
    for (const baseUrl of ['http://a', 'http://a/', 'https://a:1/b/', new URL('http://a/b?c#d')]) {
      await createClient(Greeter, { baseUrl, fetch }).greet(ada);
    }
    const path = 'demo.v1.Greeter/greet';
    expect(urls).toEqual([`http://a/${path}`, `http://a/${path}`, `https://a:1/b/${path}`, `http://a/b/${path}`]);
  });

  it('client and handler understand each other without a server between', async () => {
    const greeter = implement(Greeter, {
      greet({ name }, { remaining, token }) {
        if (name === 'nobody') throw new RpcError('not_found', 'who?', { metadata: { 'x-hint': 'Ada' } });
        return { greeting: `Hello, ${name}: ${token.remaining() <= 500}${typeof remaining}` };
      },
    });
    const client = createClient(Greeter, { baseUrl: 'http://a', fetch: fetchInto(createHandler([greeter])) });
    expect(await client.greet(ada, { timeout: 500 })).toEqual({ greeting: 'Hello, Ada: truefunction' });
    expect(await failure(client.greet({ name: 'nobody' }))).toMatchObject({
      code: 'not_found',
      message: 'who?',
      metadata: { 'x-hint': 'Ada' },
    });
    expect(await failure(client.greet({ name: '' }))).toMatchObject({ code: 'invalid_argument' });
  });

  it('S0-17, S1-01: a cancel closes the connection, and the call settles', async () => {
    const gone = gate();
    const source = new CancellationSource();
    const { client } = await listening((_, response) => {
      response.once('close', () => gone.open());
      source.cancel('CANCELLED', { description: 'never mind' });
    });
    const error = await failure(client.greet(ada, { token: source.token }));
    expect(error).toMatchObject({ code: 'canceled', cause: source.token.error });
    await gone.opened;
  });

  it('S1-08: a description stays here', async () => {
    const seen: string[] = [];
    const source = new CancellationSource();
    const { client } = await listening((request) => {
      request.once('data', (chunk) => seen.push(String(chunk), JSON.stringify(request.rawHeaders)));
      request.once('data', () => source.cancel('CANCELLED', { description: 'SECRET' }));
    });
    expect((await failure(client.greet(ada, { token: source.token }))).message).toContain('SECRET');
    expect(seen.join()).toContain('Ada');
    expect(seen.join()).not.toContain('SECRET');
  });

  it('a fetch that ignores its signal holds nobody up', async () => {
    const source = new CancellationSource();
    const client = createClient(Greeter, { baseUrl: 'http://a', fetch: () => new Promise(() => {}) });
    const response = client.greet(ada, { token: source.token });
    source.cancel();
    expect(reasonOf(await failure(response))).toBe('CANCELLED');
  });

  it('S0-16: the fetch is aborted before the caller is told', async () => {
    const log: string[] = [];
    const fetch = (_: string, { signal }: RequestInit) => {
      signal?.addEventListener('abort', () => log.push('aborted'));
      return new Promise<never>(() => {});
    };
    const source = new CancellationSource();
    const response = createClient(Greeter, { baseUrl: 'http://a', fetch }).greet(ada, { token: source.token });
    const told = response.catch(() => log.push('told'));
    source.cancel();
    await told;
    expect(log).toEqual(['aborted', 'told']);
  });

  it('a hundred calls on one token leave nothing on it, nor on its signal', async () => {
    const { client } = await listening(hello);
    const source = new CancellationSource();
    const { signal } = source.token;
    for (let call = 0; call < 100; call++) await client.greet(ada, { token: source.token });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
  });
});

describe('a connection that fails', () => {
  it('before it stands is unavailable, never processed', async () => {
    const { server, client } = await listening(hello);
    await new Promise((resolve) => server.close(resolve));
    const error = await failure(client.greet(ada));
    expect(error).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED', neverProcessed: true });
    expect(error.message).toMatch(/^The connection to http:.* failed: ECONNREFUSED\.$/);
  });

  it('S1-02: before the answer is unavailable, perhaps processed', async () => {
    const { client } = await listening((request) => request.socket.destroy());
    const error = await failure(client.greet(ada));
    expect(error).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED', neverProcessed: false, remote: false });
  });

  it.each([
    ['connect ETIMEDOUT', { syscall: 'connect' }, true],
    ['connect ETIMEDOUT, at each address of the host', { errors: [{ syscall: 'connect' }] }, true],
    ['getaddrinfo ETIMEDOUT', { syscall: 'getaddrinfo' }, true],
    ['read ETIMEDOUT', { syscall: 'read' }, false],
    ['ETIMEDOUT of nobody knows what', {}, false],
  ])('with %s is unavailable; never processed where it did not come about', async (_, details, neverProcessed) => {
    const cause = Object.assign(new Error(), { code: 'ETIMEDOUT', ...details });
    const fetch = () => Promise.reject(new TypeError('fetch failed', { cause }));
    const client = createClient(Greeter, { baseUrl: 'http://a', fetch });
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable', neverProcessed });
  });

  it('in the middle of the answer is unavailable, and not what has come so far', async () => {
    const { client } = await listening((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '20' });
      response.write('{"greeting":"hello"', () => request.socket.destroy());
    });
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED' });
  });

  it('is what an answer over the limit ends in: resource_exhausted', async () => {
    const client = createClient(Greeter, {
      transport: fetchTransport({
        baseUrl: 'http://a',
        maxBodyBytes: 10,
        fetch: () => Promise.resolve(Response.json({ greeting: 'hello' })),
      }),
    });
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'resource_exhausted' });
  });

  it('does not follow a redirect to a stranger', async () => {
    const { client } = await listening((_, response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    );
    const message = expect.stringContaining('was sent to http://127.0.0.1:1/: give that as `baseUrl`');
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable', message });
  });
});
