// Going down under load: nothing that was begun is lost, and nothing is done twice.
import http2, { type ClientHttp2Session } from 'node:http2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../lib/rpc/client.ts';
import { RpcError, service, unary } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { count } from '../support/soak.ts';
import { many } from './support/many.ts';
import { type Asked, type Client, connect } from './support/peers.ts';

// A shared machine may be slow; none of this is about time.
vi.setConfig({ testTimeout: 120_000 });

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A handler that counts how often each number was done. */
function counting() {
  const done = new Map<number, number>();
  return {
    done,
    times: (times: (number: number) => boolean) => [...done].filter(([, number]) => times(number)),
    async do(id: number): Promise<void> {
      done.set(id, (done.get(id) ?? 0) + 1);
      await new Promise(setImmediate);
    },
  };
}

describe('a drain under load', () => {
  const CALLS = count(2_000, 20_000);

  it.each(['HTTP/1.1', 'h2c'] as const)('answers all that was begun, over %s', async (protocol) => {
    const work = counting();
    const answered = new Set<number>();
    const server = await serve(async (request) => {
      const id = Number(new URL(request.url).pathname.slice(1));
      await work.do(id);
      return new Response(`(${id})`);
    });
    ends.push(server.close);
    let drained: Promise<object> | undefined;
    /** Asks until its connection takes no more. */
    const ask = async (client: Client, ids: () => number) => {
      let open = true;
      void client.gone.then(() => {
        open = false;
      });
      while (open) {
        const id = ids();
        const asked = begun(client, id);
        if (asked === undefined) return;
        const text = await Promise.race([asked.until(`(${id})`), asked.over]);
        if (text.includes(`(${id})`)) answered.add(id);
        // What Node 20 throws, later lines tell of a stream that was never sent.
        else if (protocol === 'h2c' && asked.status === undefined) return;
        if (answered.size > CALLS) drained ??= server.drain({ graceMs: 60_000 });
      }
    };
    let next = 0;
    const width = protocol === 'HTTP/1.1' ? 1 : 8;
    const clients: Client[] = [];
    for (let i = 0; i < 40 / width; i++) clients.push(await connect(protocol, Number(server.url.port)));
    const lanes = clients.flatMap((client) => Array.from({ length: width }, () => ask(client, () => next++)));
    await Promise.all(lanes);
    expect(await drained).toMatchObject({ cancelled: 0, timedOut: 0, crashed: 0 });
    expect([...work.done.keys()].filter((id) => !answered.has(id))).toEqual([]);
    expect(work.times((times) => times !== 1)).toEqual([]);
  });
});

/** Nothing, where Node throws because the session has heard GOAWAY. */
function begun(client: Client, id: number): Asked | undefined {
  try {
    return client.ask({ path: `/${id}` });
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_HTTP2_GOAWAY_SESSION' });
    return undefined;
  }
}

describe('a rolling restart under load', () => {
  const CALLS = count(2_000, 10_000);

  it(`of two instances, behind a client that tries the other one when a call was unavailable, fails none of ${CALLS} and does none twice`, async () => {
    const work = counting();
    const Work = service('demo.v1.Work', {
      do: unary({ input: z.object({ id: z.int() }), output: z.object({ id: z.int() }) }),
    });
    const start = (port = 0) =>
      serve(
        createHandler([
          implement(Work, {
            async do({ id }) {
              await work.do(id);
              return { id };
            },
          }),
        ]),
        { port },
      );
    const instances: Server[] = [await start(), await start()];
    const clients = instances.map(({ url }) => {
      const transport = http2Transport({ baseUrl: url });
      ends.push(() => transport.close());
      return createClient(Work, { transport });
    });
    let refused = 0;
    const failed: unknown[] = [];
    async function call(id: number): Promise<void> {
      for (let at = id; ; at++) {
        try {
          await clients[at % 2]?.do({ id });
          return;
        } catch (error) {
          if (!(error instanceof RpcError && error.code === 'unavailable')) return void failed.push(error);
          refused++;
        }
      }
    }
    let restarts = 0;
    let going = true;
    const restarting = (async () => {
      for (let at = 0; going; at = 1 - at) {
        const instance = instances[at] as Server;
        expect(await instance.drain({ graceMs: 60_000 })).toMatchObject({ cancelled: 0, timedOut: 0 });
        instances[at] = await start(Number(instance.url.port));
        restarts++;
        // Until it takes calls again, as a balancer would wait.
        const before = work.done.size;
        while (going && work.done.size < before + 100) await new Promise(setImmediate);
      }
    })();
    await many(CALLS, 32, call);
    going = false;
    await restarting;
    for (const instance of instances) await instance.drain();
    expect(failed).toEqual([]);
    expect(work.done.size).toBe(CALLS);
    expect(work.times((times) => times !== 1)).toEqual([]);
    expect([restarts > 2, refused > 0]).toEqual([true, true]);
  });

  it(`of one after the other, on sessions of node:http2 itself, loses none of ${CALLS} and does none twice`, async () => {
    const work = counting();
    const start = () =>
      serve(async (request) => {
        const id = Number(new URL(request.url).pathname.slice(1));
        await work.do(id);
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

    await many(CALLS, 32, async (index) => {
      if (index % 200 === 199) {
        const last = current;
        current = await start();
        reports.push(last.drain({ graceMs: 20_000 }));
      }
      await call(index);
    });
    session?.close();
    reports.push(current.drain());
    for (const report of await Promise.all(reports)) expect(report).toMatchObject({ cancelled: 0, timedOut: 0 });
    expect(work.done.size).toBe(CALLS);
    expect(work.times((times) => times !== 1)).toEqual([]);
    expect(refused).toBeGreaterThan(0);
  });
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
