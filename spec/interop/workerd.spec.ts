// Calls served by a worker, in the runtime that runs them: a handler is a `fetch` like any other.
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { serve } from '../../lib/server/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { counting } from '../rpc/support/counting.ts';
import { Workerd } from './support/workerd.ts';

let workerd: Workerd;
let counter: Client<(typeof Counter)['methods']>;

beforeAll(async () => {
  workerd = await Workerd.start(fileURLToPath(new URL('support/worker.ts', import.meta.url)));
  counter = createClient(Counter, { baseUrl: `http://127.0.0.1:${workerd.port}` });
}, 120_000);
afterAll(() => workerd?.[Symbol.asyncDispose]());

/** Calls, and leaves by a reset: a FIN, which is how fetch leaves, means nothing to workerd, as its peer might read on. */
function call(body: string, headers = ''): () => void {
  const socket = net.connect(workerd.port, '127.0.0.1');
  const head = `POST /demo.v1.Counter/double HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n${headers}`;
  socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`);
  return () => socket.resetAndDestroy();
}

const codeOf = (call: Promise<unknown>) => call.catch((error: RpcError) => error.code);

describe('a handler in a worker', () => {
  it('serves every kind', async () => {
    expect(await counter.double({ n: 2 })).toEqual({ n: 4 });
    expect(await all(counter.upTo({ n: 3 }))).toHaveLength(3);
    expect(await counter.sum(numbers(3))).toEqual({ n: 3 });
    expect(await all(counter.chat(numbers(3)))).toHaveLength(3);
  });

  it('S1-04: stops with its caller, where the runtime hears that it has left', async () => {
    const leave = call('{"n":0}');
    await workerd.logged('entered 0');
    leave();
    await workerd.logged('stopped 0 CANCELLED');
  });

  it('hands a call on, with its deadline and its cancel', async () => {
    const { handler, entered } = counting();
    await using last = await serve(handler);
    const through = createClient(Counter, {
      baseUrl: `http://127.0.0.1:${workerd.port}`,
      headers: { 'x-next': last.url.href },
    });
    expect(await through.double({ n: 2 }, { timeout: 60_000 })).toEqual({ n: 4 });
    const late = codeOf(through.double({ n: 0 }, { timeout: 400 }));
    const { token } = await entered();
    expect(token.remaining()).toBeLessThanOrEqual(400);
    expect(await late).toBe('deadline_exceeded');
    const leave = call('{"n":0}', `x-next: ${last.url}\r\n`);
    const { token: second } = await entered();
    leave();
    expect(await new Promise((resolve) => second.onCancel(({ reason }) => resolve(reason)))).toBe('PEER_CLOSED');
  });

  it('S1-23: answers at the deadline by itself', async () => {
    expect(await codeOf(counter.double({ n: -1 }, { timeout: 200 }))).toBe('deadline_exceeded');
    await workerd.logged('stopped -1 TIMEOUT');
  });

  it('keeps the deadline of a call when another one, whose deadline came before, is over', async () => {
    const [first, second] = [-2, -3].map((n) => codeOf(counter.double({ n }, { timeout: 250 - 50 * n })));
    await Promise.all([workerd.logged('entered -2'), workerd.logged('entered -3')]);
    expect(await first).toBe('deadline_exceeded');
    expect(await second).toBe('deadline_exceeded');
    await workerd.logged('stopped -2 TIMEOUT');
    await workerd.logged('stopped -3 TIMEOUT');
  });
});
