// Many at once: no false cancel and no missed one, nothing that stays.
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CancellationToken } from '../../lib/core/index.ts';
import { serve } from '../../lib/server/index.ts';
import { count, scale } from '../support/soak.ts';
import { certificate } from './support/certificate.ts';
import { many } from './support/many.ts';
import { type Ask, type Asked, type Client, connect, PROTOCOLS } from './support/peers.ts';

// A shared machine may be slow; none of this is about time.
vi.setConfig({ testTimeout: 120_000 });

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Kind {
  readonly ask: Ask;
  readonly answer: (text: string, request: Request) => Response | Promise<Response>;
  /** Left out: the text comes. */
  readonly come?: (asked: Asked, text: string) => Promise<unknown>;
}

const whole = (text: string) => new Response(text, { headers: { 'x-text': text } });
const post: Ask = { method: 'POST', body: 'Ada' };

const KINDS: Record<string, Kind> = {
  GET: { ask: {}, answer: whole },
  HEAD: {
    ask: { method: 'HEAD' },
    answer: whole,
    // Over HTTP/2 a head is of one response; over HTTP/1.1 all that came on the connection counts.
    come: async (asked, text) => {
      await asked.responded;
      if (asked.headers['x-text'] !== text) await asked.until(`x-text: ${text}`);
    },
  },
  'POST, body read': {
    ask: post,
    answer: async (text, request) => {
      expect(await request.text()).toBe('Ada');
      return whole(text);
    },
  },
  'POST, body not read': { ask: post, answer: whole },
  'Expect: 100-continue': {
    ask: { ...post, headers: { expect: '100-continue' } },
    answer: async (text, request) => whole(`${await request.text()} ${text}`),
  },
  'streamed response': { ask: {}, answer: (text) => new Response(inPieces(text)) },
};

/** A piece in each turn of the event loop, the text last. */
function inPieces(text: string): ReadableStream<Uint8Array> {
  const pieces = ['one', 'two', text];
  return new ReadableStream({
    async pull(controller) {
      await new Promise(setImmediate);
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(Buffer.from(piece));
    },
  });
}

const CALLS = count(300, 10_000);

describe.each(PROTOCOLS)('over %s', (protocol) => {
  it.each(Object.entries(KINDS))(
    `T-15: %s: of ${CALLS} completed calls not one is cancelled`,
    async (_, { ask, answer, come = (asked, text) => asked.until(text) }) => {
      const tokens: CancellationToken[] = [];
      const server = await serve(
        (request, { token }) => {
          tokens.push(token);
          return answer(`<${new URL(request.url).pathname}>`, request);
        },
        protocol === 'h2 over TLS' ? { tls: certificate() } : {},
      );
      ends.push(server.close);
      const clients: Client[] = [];
      for (let i = 0; i < 20; i++) clients.push(await connect(protocol, Number(server.url.port)));
      await many(CALLS, clients.length, async (index, worker) => {
        await come((clients[worker] as Client).ask({ ...ask, path: `/${index}` }), `</${index}>`);
      });
      for (const client of clients) client.leave();
      expect(await server.drain()).toMatchObject({ cancelled: 0, timedOut: 0, crashed: 0 });
      expect(tokens).toHaveLength(CALLS);
      expect(tokens.filter(({ cancelled }) => cancelled)).toEqual([]);
    },
  );
});

describe.each(['HTTP/1.1', 'h2c'] as const)('over %s', (protocol) => {
  const [connections, each] = protocol === 'HTTP/1.1' ? [count(500, 5_000), 1] : [50, 100];
  const all = connections * each;

  /** Requests that are all held, and what lets their clients go. */
  async function held() {
    let begun = 0;
    let onBegun!: () => void;
    const allBegun = new Promise<void>((resolve) => {
      onBegun = resolve;
    });
    let stopped = 0;
    const server = await serve(async (_, { token }) => {
      if (++begun === all) onBegun();
      await new Promise((resolve) => token.onCancel(resolve));
      stopped++;
      return new Response();
    });
    ends.push(server.close);
    const clients: Client[] = [];
    for (let i = 0; i < connections; i++) {
      const client = await connect(protocol, Number(server.url.port));
      clients.push(client);
      for (let j = 0; j < each; j++) client.ask();
    }
    await allBegun;
    return { server, clients, stopped: () => stopped };
  }

  it(`S3-23: when all clients of ${all} requests go at once, every handler hears it, and nothing stays`, async () => {
    // What is made once is made before.
    const warm = await serve(() => whole('warm'));
    const client = await connect(protocol, Number(warm.url.port));
    await client.ask().until('warm');
    client.leave();
    await warm.close();
    const before = await inUse();
    const { server, clients, stopped } = await held();
    const most = await inUse();
    const start = performance.now();
    for (const client of clients.splice(0)) client.leave();
    expect(await server.drain({ graceMs: 60_000 })).toMatchObject({ drained: all, cancelled: 0, stillRunning: [] });
    const took = performance.now() - start;
    expect(stopped()).toBe(all);
    const after = await inUse();
    // Both ends were in this process.
    expect(after - before).toBeLessThan((most - before) / 5);
    if (scale > 1)
      report(
        `${protocol}: ${all} handlers had stopped ${took.toFixed(0)} ms after their clients left`,
        before,
        most,
        after,
      );
  });
});

/** In MB, once all garbage has gone. */
async function inUse(): Promise<number> {
  for (let times = 0; times < 5; times++) {
    globalThis.gc?.();
    await new Promise(setImmediate);
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

function report(text: string, ...megabytes: number[]): void {
  process.stdout.write(`${text}; ${megabytes.map((mb) => `${mb.toFixed(1)} MB`).join(' → ')} in use\n`);
}
