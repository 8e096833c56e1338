// Our client in Chromium, over the browser's own fetch, against our server; the package as it is built, without a bundler.
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RpcError } from '../../lib/rpc/index.ts';
import { type CallContext, createHandler, implement } from '../../lib/rpc/server.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { type FakeClock, fakeClock } from '../../lib/testing/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { certificate } from '../server/support/certificate.ts';
import { Browser } from './support/browser.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const WAIT = 99;
/** What the page gives its calls. */
const DEADLINE_MS = 300;

/** What becomes of the calls that wait, in order. */
let entered: Gate<void>;
let reasons: (string | undefined)[];
let stopped: Gate<void>;
let report: Gate<Record<string, unknown>>;
/** The server's own, where a scene is about which of two clocks is ahead. */
let clock: FakeClock | undefined;

async function wait({ token }: CallContext): Promise<never> {
  entered.open();
  try {
    return await new Promise((_, reject) => token.onCancel(reject));
  } finally {
    reasons.push(token.reason);
    stopped.open();
    stopped = gate();
  }
}

const calls = createHandler([
  implement(Counter, {
    async double({ n }, context) {
      if (n === WAIT) return wait(context);
      if (n < 0) throw new RpcError('out_of_range', 'Too small.');
      return { n: 2 * n };
    },
    async *upTo({ n }, context) {
      yield* numbers(Math.min(n, 3));
      if (n === WAIT) await wait(context);
    },
    sum: async (requests) => ({ n: (await all(requests)).length }),
    chat: (requests) => requests,
  }),
]);

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/** The page, what it imports, and its reports. */
async function rest(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === '/report') report.open((await request.json()) as Record<string, unknown>);
  else if (pathname === '/entered') await entered.opened;
  else if (pathname === '/late') clock?.advance(DEADLINE_MS);
  else return file(pathname === '/' ? '/page/index.html' : pathname);
  return new Response();
}

async function file(path: string): Promise<Response> {
  // abort-controller-x leaves the endings to bundlers.
  const name = extname(path) === '' ? `${path}.js` : path;
  const body = await readFile(join(ROOT, name.replace(/^\/page\//, 'spec/interop/support/page/'))).catch(
    () => undefined,
  );
  const headers = { 'content-type': TYPES[extname(name)] ?? 'application/octet-stream' };
  return body === undefined ? new Response(null, { status: 404 }) : new Response(new Uint8Array(body), { headers });
}

let browser: Browser;
beforeAll(async () => {
  browser = await Browser.start();
});
afterAll(() => browser?.close());

const ways = {
  'HTTP/1.1': { listen: { http2: false }, left: 'PEER_CLOSED' },
  'h2 over TLS': { listen: { tls: certificate() }, left: 'CANCELLED' },
} as const;

describe.each(Object.entries(ways))('a page over %s', (way, { listen, left }) => {
  let server: Server;
  beforeAll(async () => {
    server = await serve(
      (request, context) => (calls.serves(new URL(request.url).pathname) ? calls(request, context) : rest(request)),
      listen,
    );
  });
  afterAll(() => server.close());

  const open = (scene: string) => {
    entered = gate();
    stopped = gate();
    report = gate();
    reasons = [];
    return browser.open(`${server.url.href}#${scene}`);
  };
  const reportOf = async (scene: string) => {
    const tab = await open(scene);
    const told = await report.opened;
    await tab.close();
    return told;
  };

  it('calls, gets streams and errors', async () => {
    const told = await reportOf('calls');
    expect(told).toMatchObject({
      unary: { n: 42 },
      byGet: { n: 8 },
      stream: [1, 2, 3],
      error: { code: 'out_of_range', message: 'Too small.' },
      invalid: { code: 'invalid_argument' },
    });
    // Chromium sends a stream of requests over HTTP/2 alone.
    expect(told.requests).toMatchObject(way === 'HTTP/1.1' ? { code: 'unavailable' } : { value: { n: 2 } });
  });

  it('S0-17, S1-01: stops handlers by a cancel, and by leaving a loop', async () => {
    const told = await reportOf('cancels');
    expect(told).toEqual({
      unary: {
        code: 'canceled',
        message: 'Call to /demo.v1.Counter/double: The operation was cancelled: the user has gone on',
        reason: 'CANCELLED',
      },
      seen: [1],
    });
    while (reasons.length < 2) await stopped.opened;
    expect(reasons).toEqual([left, left]);
  });

  it('S1-19: has a deadline, which both sides call by its name', async () => {
    // The server's time stands still until the page has said that its own is up: so the client is the first to know.
    using fake = fakeClock();
    clock = fake;
    const tab = await open('deadline');
    const late = { code: 'deadline_exceeded', reason: 'TIMEOUT' };
    expect(await report.opened).toMatchObject({ unary: late, stream: late });
    while (reasons.length < 2) await stopped.opened;
    expect(reasons).toEqual(['TIMEOUT', 'TIMEOUT']);
    // Not sooner: a tab that is closed lets go of all its calls.
    await tab.close();
  });

  it.each(['unary', 'stream'])(
    'S1-04, S1-09: whose tab is closed under a call (%s) stops its handler',
    async (scene) => {
      const tab = await open(scene);
      await entered.opened;
      const over = stopped.opened;
      await tab.close();
      await over;
      expect(reasons).toEqual([left]);
    },
  );
});
