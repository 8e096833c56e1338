// Calls served by a worker, in the runtime that runs them: a handler is a `fetch` like any other.
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { Workerd } from './support/workerd.ts';

let workerd: Workerd;
let counter: Client<(typeof Counter)['methods']>;

beforeAll(async () => {
  workerd = await Workerd.start(fileURLToPath(new URL('support/worker.ts', import.meta.url)));
  counter = createClient(Counter, { baseUrl: `http://127.0.0.1:${workerd.port}` });
}, 120_000);
afterAll(() => workerd?.[Symbol.asyncDispose]());

const codeOf = (call: Promise<unknown>) => call.catch((error: RpcError) => error.code);

describe('a handler in a worker', () => {
  it('serves every kind', async () => {
    expect(await counter.double({ n: 2 })).toEqual({ n: 4 });
    expect(await all(counter.upTo({ n: 3 }))).toHaveLength(3);
    expect(await counter.sum(numbers(3))).toEqual({ n: 3 });
    expect(await all(counter.chat(numbers(3)))).toHaveLength(3);
  });

  it('S1-04: stops with its caller, where the runtime hears that it has left', async () => {
    const body = '{"n":0}';
    const socket = net.connect(workerd.port, '127.0.0.1');
    socket.write(
      `POST /demo.v1.Counter/double HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await workerd.logged('entered 0');
    // A FIN, which is how fetch leaves, means nothing to it: the peer might read on.
    socket.resetAndDestroy();
    await workerd.logged('stopped 0 CANCELLED');
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
