import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../lib/rpc/client.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { all, Counter, numbers } from './support/counter.ts';

const counter = implement(Counter, {
  double: ({ n }) => ({ n: 2 * n }),
  upTo: ({ n }) => numbers(n),
  sum: async (requests) => ({ n: (await all(requests)).length }),
  chat: (requests) => requests,
});
const handler = createHandler([counter], { maxBodyBytes: 50_000 });
const packed = (json: string) => gzipSync(json).toString('base64url');
const path = 'http://localhost/demo.v1.Counter/double';
const get = (query: string, method = 'GET') => handler(new Request(`${path}?${query}`, { method }));

describe('GET', () => {
  it.each([
    ['connect=v1&encoding=json&message=%7B%22n%22%3A4%7D'],
    ['message=%7B%22n%22%3A4%7D&encoding=json&unknown=1'],
    ['encoding=json&base64=1&message=eyJuIjo0fQ'],
    ['encoding=json&base64=1&message=eyJuIjo0fQ%3D%3D'],
    [`connect=v1&base64=1&compression=gzip&encoding=json&message=${packed('{"n":4}')}`],
    [`connect=v1&compression=identity&encoding=json&message=%7B%22n%22%3A4%7D`],
  ])('asks an idempotent method: %s', async (query) => {
    const response = await get(query);
    expect([response.status, await response.json()]).toEqual([200, { n: 8 }]);
  });

  it.each([
    ['connect=v2&encoding=json&message=%7B%7D', 400, 'invalid_argument'],
    ['connect=v1&encoding=proto&message=', 415, 'unknown'],
    ['connect=v1&encoding=json', 400, 'invalid_argument'],
    ['connect=v1&encoding=json&message=%7B', 400, 'invalid_argument'],
    ['connect=v1&encoding=json&base64=1&message=%25%25', 400, 'invalid_argument'],
    ['connect=v1&encoding=json&compression=gzip&message=x', 400, 'invalid_argument'],
    ['connect=v1&encoding=json&compression=br&message=x', 501, 'unimplemented'],
    [`encoding=json&compression=gzip&base64=1&message=${packed(' '.repeat(100_000))}`, 413, 'resource_exhausted'],
  ])('refuses %s with %i %s', async (query, status, code) => {
    const response = await get(query);
    expect([response.status, (await response.json()).code]).toEqual([status, code]);
  });

  it('is answered in a form that a cache keeps for those who take it', async () => {
    const packing = createHandler([counter], { compressMinBytes: 0 });
    const query = 'encoding=json&message=%7B%22n%22%3A4%7D';
    const { headers } = await packing(new Request(`${path}?${query}`, { headers: { 'accept-encoding': 'gzip' } }));
    expect([headers.get('content-encoding'), headers.get('vary')]).toEqual(['gzip', 'accept-encoding']);
  });

  it('is refused for other methods, and says what is allowed', async () => {
    const streamed = await handler(new Request('http://localhost/demo.v1.Counter/upTo?message={}'));
    expect([streamed.status, streamed.headers.get('allow')]).toEqual([405, 'POST']);
    const put = await get('', 'PUT');
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST']);
  });

  it('is what a client sends where it may, and where it fits', async () => {
    const sent: string[] = [];
    const client = createClient(Counter, {
      baseUrl: 'http://localhost',
      useGet: true,
      fetch(url, init) {
        sent.push(`${init.method} ${url.slice(0, 90)}`);
        return handler(new Request(url, init));
      },
    });
    expect(await client.double({ n: 3 })).toEqual({ n: 6 });
    expect(await client.double({ n: 3, filler: 'x'.repeat(9_000) } as { n: number })).toEqual({ n: 6 });
    expect(sent).toEqual([`GET ${path}?connect=v1&encoding=json&message=%7B%22n%22%3A3%7D`, `POST ${path}`]);
  });

  it('keeps the request out of what its errors say', async () => {
    const fetch = () => Promise.reject(new Error('cut'));
    const client = createClient(Counter, { baseUrl: 'http://localhost', useGet: true, fetch });
    const message = (promise: Promise<unknown>) => promise.catch((error: Error) => error.message);
    expect(await message(client.double({ n: 4711 }))).toBe(`The connection to ${path} failed: Error: cut.`);
    const stopped = await message(client.double({ n: 4711 }, { timeout: 0 }));
    expect(stopped).toMatch(/^Call to \/demo.v1.Counter\/double: /);
  });
});
