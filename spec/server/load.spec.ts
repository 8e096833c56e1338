// Many at once: no false cancel, no missed one, nothing lost and nothing done twice in a drain.
import http2, { type ClientHttp2Session } from 'node:http2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CancellationToken } from '../../lib/core/index.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { type Client, connect } from './support/peers.ts';

// A shared machine may be slow; none of this is about time.
vi.setConfig({ testTimeout: 120_000 });

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Runs `times` tasks, `width` of them at once. */
async function many(times: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < times) await task(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

describe.each(['HTTP/1.1', 'h2c'] as const)('over %s', (protocol) => {
  it('T-15: of 10,000 completed calls not one is cancelled', async () => {
    const tokens: CancellationToken[] = [];
    const server = await serve(async (request, { token }) => {
      tokens.push(token);
      return new Response(`(${await request.text()})`);
    });
    ends.push(server.close);
    const clients: Client[] = [];
    for (let i = 0; i < 20; i++) clients.push(await connect(protocol, Number(server.url.port)));
    await many(10_000, clients.length, async (index) => {
      const client = clients[index % clients.length] as Client;
      await client.ask({ method: 'POST', body: `${index}` }).until(`(${index})`);
    });
    for (const client of clients) client.leave();
    expect(await server.drain()).toMatchObject({ cancelled: 0, timedOut: 0 });
    expect(tokens).toHaveLength(10_000);
    expect(tokens.filter(({ cancelled }) => cancelled)).toEqual([]);
  });

  it('S3-23: when all clients of many requests go at once, every handler hears it, and nothing stays', async () => {
    const [connections, each] = protocol === 'HTTP/1.1' ? [500, 1] : [50, 100];
    const all = connections * each;
    let begun = 0;
    let stopped = 0;
    let onBegun!: () => void;
    const allBegun = new Promise<void>((resolve) => {
      onBegun = resolve;
    });
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
    for (const client of clients) client.leave();
    expect(await server.drain({ graceMs: 20_000 })).toMatchObject({ drained: all, cancelled: 0, stillRunning: [] });
    expect(stopped).toBe(all);
  });
});

it('a rolling restart under load loses no call and does none twice', async () => {
  const done = new Map<number, number>();
  const start = () =>
    serve(async (request) => {
      const id = Number(new URL(request.url).pathname.slice(1));
      done.set(id, (done.get(id) ?? 0) + 1);
      await new Promise(setImmediate);
      return new Response(`(${id})`);
    });
  let current: Server = await start();
  let session: ClientHttp2Session | undefined;
  const reports: Promise<unknown>[] = [];
  let refused = 0;

  /** The least a client has to do: another session when this one goes, another try when the server never began. */
  async function call(id: number): Promise<void> {
    for (;;) {
      if (session === undefined || session.closed || session.destroyed) {
        session = http2.connect(current.url.href.replace(/\/$/, ''));
        session.on('error', () => {});
      }
      const outcome = await ask(session, id);
      if (outcome === 'done') return;
      refused++;
    }
  }

  await many(5_000, 32, async (index) => {
    if (index % 500 === 499) {
      const last = current;
      current = await start();
      reports.push(last.drain({ graceMs: 20_000 }));
    }
    await call(index);
  });
  session?.close();
  reports.push(current.drain());
  for (const report of await Promise.all(reports)) expect(report).toMatchObject({ cancelled: 0, timedOut: 0 });
  expect(done.size).toBe(5_000);
  expect([...done.values()].filter((times) => times !== 1)).toEqual([]);
  expect(refused).toBeGreaterThan(0);
});

/** Throws when the call failed in a way that leaves open whether it was done. */
function ask(session: ClientHttp2Session, id: number): Promise<'done' | 'refused'> {
  return new Promise((resolve, reject) => {
    let text = '';
    let failure: NodeJS.ErrnoException | undefined;
    let stream: http2.ClientHttp2Stream;
    try {
      stream = session.request({ ':path': `/${id}` });
    } catch {
      // The session has heard GOAWAY: nothing was sent.
      return resolve('refused');
    }
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('error', (error) => {
      failure = error;
    });
    stream.on('close', () => {
      if (text === `(${id})`) resolve('done');
      else if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM) resolve('refused');
      else if (stream.id === undefined) resolve('refused');
      else reject(failure ?? new Error(`The stream closed with code ${stream.rstCode} after ${JSON.stringify(text)}.`));
    });
  });
}
