import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { serve } from '../../lib/server/index.ts';
import { count } from '../support/soak.ts';
import { connect } from './support/peers.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('the URL of a request is what the platform makes of its host and its target, whatever they are', async () => {
  const server = await serve((request) => Response.json(request.url));
  ends.push(server.close);
  const client = await connect('h2c', Number(server.url.port));
  ends.push(() => client.leave());
  const piece = fc.oneof(
    fc.constantFrom('/', '.', '..', '/./', '/../', '%2e', '/%2E%2e/', '%', '?', '??', '//', '\\', "'", '"', '|', '^'),
    fc.string({ unit: fc.constantFrom(...'abzAZ09-._~!$&()*+,;=:@%{}<>[]`'), maxLength: 6 }),
  );
  const target = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`);
  const host = fc.constantFrom(
    'localhost',
    'LOCALHOST',
    'a.b',
    'a:80',
    'a:0443',
    'a:8080',
    '127.1',
    '0x7f.1',
    '[::1]',
    '[0:0::1]:90',
    'a%41',
  );
  await fc.assert(
    fc.asyncProperty(host, target, async (authority, path) => {
      const answer = client.ask({ path, headers: { ':authority': authority } });
      const text = await answer.over;
      const expected = URL.canParse(`http://${authority}${path}`)
        ? new URL(`http://${authority}${path}`).href
        : undefined;
      expect(answer.status).toBe(expected === undefined ? 400 : 200);
      if (expected !== undefined) expect(JSON.parse(text)).toBe(expected);
    }),
    { numRuns: count(500, 100_000) },
  );
});
