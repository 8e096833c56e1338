import { Code, type ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RpcError } from '../../lib/rpc/index.ts';
import { type CallContext, createHandler, implement } from '../../lib/rpc/server.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { counterDescriptor } from './support/protobuf.ts';

/** What connect-es makes of a descriptor that TypeScript has not seen: methods by name. */
// biome-ignore lint/suspicious/noExplicitAny: a client made of a run-time descriptor has no types.
type Untyped = Record<string, (...args: any[]) => any>;

/** The request that makes a handler wait. Not 0: Protobuf's JSON leaves that out. */
const WAIT = 99;

/** Told of each call that waits: its reason, once its handler has stopped. */
let stopped: Gate<string | undefined>;
let entered: Gate<number>;

async function wait({ token }: CallContext): Promise<never> {
  entered.open(token.remaining());
  try {
    return await new Promise((_, reject) => token.onCancel(reject));
  } finally {
    stopped.open(token.reason);
  }
}

const handler = createHandler([
  implement(Counter, {
    async double({ n }, context) {
      if (n === WAIT) return wait(context);
      if (n < 0)
        throw new RpcError('out_of_range', 'Too small.', {
          metadata: { 'x-least': '0' },
          details: [{ type: 'x.Y', value: 'CAE' }],
        });
      return { n: 2 * n };
    },
    async *upTo({ n }, context) {
      yield* numbers(n);
      if (n === 1) await wait(context);
      if (n === 3) throw new RpcError('aborted', 'Three.');
    },
    async sum(requests, context) {
      let sum = 0;
      for await (const { n } of requests) {
        if (n === WAIT) await wait(context);
        sum += n;
      }
      return { n: sum };
    },
    async *chat(requests, context) {
      for await (const { n } of requests) {
        if (n === WAIT) await wait(context);
        yield { n: 2 * n };
      }
    },
  }),
]);

let server: Server;
beforeAll(async () => {
  server = await serve(handler);
});
afterAll(() => server.close());

const transports: Record<string, () => Transport> = {
  'HTTP/1.1': () => createConnectTransport({ httpVersion: '1.1', baseUrl: server.url.origin, useBinaryFormat: false }),
  'HTTP/2': () => createConnectTransport({ httpVersion: '2', baseUrl: server.url.origin, useBinaryFormat: false }),
};

describe.each(Object.entries(transports))('a client of connect-es over %s', (version, transport) => {
  const client = () => {
    stopped = gate();
    entered = gate();
    return createClient(counterDescriptor(), transport()) as unknown as Untyped;
  };
  const failure = (promise: Promise<unknown>): Promise<ConnectError> =>
    promise.then(
      () => expect.fail('resolved'),
      (error: ConnectError) => error,
    );
  const values = async (stream: AsyncIterable<{ n: number }>) => (await all(stream)).map(({ n }) => n);

  it('calls every kind', async () => {
    const counter = client();
    expect((await counter.double!({ n: 21 })).n).toBe(42);
    expect(await values(counter.upTo!({ n: 2 }))).toEqual([1, 2]);
    expect((await counter.sum!(numbers(50))).n).toBe(1275);
    if (version === 'HTTP/2') expect(await values(counter.chat!(numbers(3)))).toEqual([2, 4, 6]);
  });

  it('gets errors with their code, text, metadata and details', async () => {
    const counter = client();
    const error = await failure(counter.double!({ n: -1 }));
    expect([error.code, error.rawMessage, error.metadata.get('x-least')]).toEqual([Code.OutOfRange, 'Too small.', '0']);
    expect(error.details).toMatchObject([{ type: 'x.Y' }]);
    const late = await failure(values(counter.upTo!({ n: 3 })));
    expect([late.code, late.rawMessage]).toEqual([Code.Aborted, 'Three.']);
  });

  it('S1-19: its timeout reaches the handler, and stops it', async () => {
    const calls: ((counter: Untyped) => Promise<unknown>)[] = [
      (counter) => counter.double!({ n: WAIT }, { timeoutMs: 200 }),
      (counter) => values(counter.upTo!({ n: 1 }, { timeoutMs: 200 })),
    ];
    for (const call of calls) {
      const error = await failure(call(client()));
      expect(error.code).toBe(Code.DeadlineExceeded);
      expect(await entered.opened).toBeLessThanOrEqual(200);
      // Its own timer may be ahead of ours: then it has left, a moment before the deadline.
      expect(['TIMEOUT', version === 'HTTP/2' ? 'CANCELLED' : 'PEER_CLOSED']).toContain(await stopped.opened);
    }
  });

  it('S1-03, S1-09: its abort stops the handler', async () => {
    const calls: ((counter: Untyped, signal: AbortSignal) => Promise<unknown>)[] = [
      (counter, signal) => counter.double!({ n: WAIT }, { signal }),
      (counter, signal) => values(counter.upTo!({ n: 1 }, { signal })),
      (counter, signal) => counter.sum!(waits(), { signal }),
    ];
    if (version === 'HTTP/2') calls.push((counter, signal) => values(counter.chat!(waits(), { signal })));
    for (const call of calls) {
      const controller = new AbortController();
      const outcome = failure(call(client(), controller.signal));
      await entered.opened;
      controller.abort();
      expect((await outcome).code).toBe(Code.Canceled);
      expect(await stopped.opened).toBe(version === 'HTTP/2' ? 'CANCELLED' : 'PEER_CLOSED');
    }
  });
});

async function* waits() {
  yield { n: WAIT };
}
