import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { type Client, createClient, fetchTransport } from '../../lib/rpc/client.ts';
import type { RpcError, Transport } from '../../lib/rpc/index.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { counterDescriptor } from './support/protobuf.ts';

let stopped: Gate<void>;
let entered: Gate<void>;

async function wait({ signal }: HandlerContext): Promise<never> {
  entered.open();
  return await new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      stopped.open();
      reject(signal.reason);
    });
  });
}

const adapter = connectNodeAdapter({
  routes: ({ service }) => {
    service(counterDescriptor(), {
      async double({ n }: { n: number }, context: HandlerContext) {
        if (n === 0) return wait(context);
        if (n < 0) throw new ConnectError('Too small.', Code.OutOfRange, { 'x-least': '0' });
        return { n: 2 * n };
      },
      async *upTo({ n }: { n: number }, context: HandlerContext) {
        yield* numbers(n);
        if (n === 1) await wait(context);
        if (n === 3) throw new ConnectError('Three.', Code.Aborted);
      },
      async sum(requests: AsyncIterable<{ n: number }>, context: HandlerContext) {
        let sum = 0;
        for await (const { n } of requests) {
          if (n === 0) await wait(context);
          sum += n;
        }
        return { n: sum };
      },
      async *chat(requests: AsyncIterable<{ n: number }>, context: HandlerContext) {
        for await (const { n } of requests) {
          if (n === 0) await wait(context);
          yield { n: 2 * n };
        }
      },
    } as never);
  },
});

const servers = { h1: http.createServer(adapter), h2: http2.createServer(adapter) };
const urlOf = (server: http.Server | http2.Http2Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const open: Transport[] = [];

beforeAll(async () => {
  for (const server of Object.values(servers))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const transport of open) await transport.close?.();
  servers.h1.closeAllConnections();
  for (const server of Object.values(servers)) server.close();
});

const transports: Record<string, () => Transport> = {
  'fetch and HTTP/1.1': () => fetchTransport({ baseUrl: urlOf(servers.h1) }),
  'HTTP/2': () => {
    const transport = http2Transport({ baseUrl: urlOf(servers.h2) });
    open.push(transport);
    return transport;
  },
};

describe.each(Object.entries(transports))('a server of connect-es over %s', (way, transport) => {
  const client = (options = {}): Client<(typeof Counter)['methods']> => {
    stopped = gate();
    entered = gate();
    return createClient(Counter, { transport: transport(), ...options });
  };
  const failure = (promise: Promise<unknown>): Promise<RpcError> =>
    promise.then(
      () => expect.fail('resolved'),
      (error: RpcError) => error,
    );
  const values = async (stream: AsyncIterable<{ n: number }>) => (await all(stream)).map(({ n }) => n);

  it('answers every kind, compressed or not', async () => {
    for (const options of [{}, { compressMinBytes: 0 }]) {
      const counter = client(options);
      expect(await counter.double({ n: 21 })).toEqual({ n: 42 });
      expect(await values(counter.upTo({ n: 2 }))).toEqual([1, 2]);
      expect(await counter.sum(numbers(100))).toEqual({ n: 5050 });
      if (way === 'HTTP/2') expect(await values(counter.chat(numbers(3)))).toEqual([2, 4, 6]);
    }
  });

  it('gives its errors to our client', async () => {
    const counter = client();
    const error = await failure(counter.double({ n: -1 }));
    expect(error).toMatchObject({ code: 'out_of_range', message: 'Too small.', metadata: { 'x-least': '0' } });
    expect(await failure(values(counter.upTo({ n: 3 })))).toMatchObject({ code: 'aborted', message: 'Three.' });
  });

  it('hears of our deadline, and our client of it as well', async () => {
    const calls = [
      (counter: ReturnType<typeof client>) => counter.double({ n: 0 }, { timeout: 200 }),
      (counter: ReturnType<typeof client>) => values(counter.upTo({ n: 1 }, { timeout: 200 })),
    ];
    for (const call of calls) {
      expect((await failure(call(client()))).code).toBe('deadline_exceeded');
      await stopped.opened;
    }
  });

  it('stops its handler on our cancel', async () => {
    const calls: ((counter: ReturnType<typeof client>, source: CancellationSource) => Promise<unknown>)[] = [
      (counter, { token }) => counter.double({ n: 0 }, { token }),
      (counter, { token }) => values(counter.upTo({ n: 1 }, { token })),
      (counter, { token }) => counter.sum([{ n: 0 }], { token }),
    ];
    if (way === 'HTTP/2') calls.push((counter, { token }) => values(counter.chat([{ n: 0 }], { token })));
    for (const call of calls) {
      const source = new CancellationSource();
      const outcome = failure(call(client(), source));
      await entered.opened;
      source.cancel();
      expect(await outcome).toMatchObject({ code: 'canceled', reason: 'CANCELLED', remote: false });
      await stopped.opened;
    }
  });
});
