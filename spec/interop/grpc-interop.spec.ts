// gRPC's interop cases about cancels and timeouts, with those on its to-do list, of grpc-js under our adapter and of our own calls.
import {
  type ClientDuplexStream,
  type ClientWritableStream,
  credentials,
  type Client as GrpcClient,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type GrpcServerCall, grpcStatusOf, reasonOfGrpc, tokenOfCall, withToken } from '../../lib/adapters/grpc-js.ts';
import { CancellationSource, CancellationToken, type CancelReason, reasonOf } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import { bidi, clientStream, service, unary } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { settled } from '../rpc/support/greeter.ts';

const TIMEOUTS = 3_000;
/** Of grpc-js not many more: a server ends a session of its after 1,000 resets. */
const CALLS = 500;

/** As the suite's: a payload of some size, and how large the answer is to be; less than 0: never. */
interface Payload {
  readonly size: number;
  readonly body: string;
}
const payload = (size: number, bytes = 0): Payload => ({ size, body: 'x'.repeat(bytes) });
const NEVER = -1;

/** What the server's handlers saw. */
class Seen {
  started = 0;
  running = 0;
  readonly entered: Gate<void> = gate();
  readonly tookOne: Gate<void> = gate();
  readonly reasons: (CancelReason | undefined)[] = [];
  readonly #idle: (() => void)[] = [];

  async handle<T>(token: CancellationToken, work: () => Promise<T>): Promise<T> {
    this.started++;
    this.running++;
    this.entered.open();
    try {
      return await work();
    } finally {
      this.running--;
      this.reasons.push(token.reason);
      if (this.running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Resolves when no handler runs. */
  async idle(): Promise<void> {
    if (this.running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }
}
let seen: Seen;

const until = (token: CancellationToken) => new Promise<never>((_, reject) => token.onCancel(reject));
const answer = async ({ size }: Payload, token: CancellationToken): Promise<Payload> =>
  size === NEVER ? until(token) : payload(0, size);

async function total(requests: AsyncIterable<Payload>): Promise<Payload> {
  let size = 0;
  for await (const { body } of requests) {
    size += body.length;
    seen.tookOne.open();
  }
  return payload(size);
}

async function* echo(requests: AsyncIterable<Payload>, token: CancellationToken): AsyncGenerator<Payload> {
  for await (const request of requests) {
    seen.tookOne.open();
    yield await answer(request, token);
  }
}

/** One library's client and server, and how it tells of a failure. */
interface Stack {
  unary(request: Payload, token: CancellationToken): Promise<Payload>;
  sum(requests: AsyncIterable<Payload>, token: CancellationToken): Promise<Payload>;
  chat(requests: AsyncIterable<Payload>, token: CancellationToken): AsyncIterable<Payload>;
  /** Kills the server with its connections, and starts another on the same port. */
  restart(): Promise<void>;
  reasonOf(error: unknown): CancelReason | undefined;
  close(): Promise<unknown>;
}

async function ours(): Promise<Stack> {
  const schema = z.object({ size: z.int(), body: z.string() });
  const schemas = { input: schema, output: schema };
  const Test = service('Test', { unary: unary(schemas), sum: clientStream(schemas), chat: bidi(schemas) });
  const handler = createHandler([
    implement(Test, {
      unary: (request, { token }) => seen.handle(token, () => answer(request, token)),
      sum: (requests, { token }) => seen.handle(token, () => total(requests)),
      async *chat(requests, { token }) {
        let over = () => {};
        void seen.handle(token, () => new Promise<void>((resolve) => (over = resolve)));
        try {
          yield* echo(requests, token);
        } finally {
          over();
        }
      },
    }),
  ]);
  let server = await serve(handler);
  const transport = http2Transport({ baseUrl: server.url });
  const client = createClient(Test, { transport });
  return {
    unary: (request, token) => client.unary(request, { token }),
    sum: (requests, token) => client.sum(requests, { token }),
    chat: (requests, token) => client.chat(requests, { token }),
    async restart() {
      await server.close();
      server = await serve(handler, { port: Number(server.url.port) });
    },
    reasonOf,
    close: () => Promise.all([transport.close(), server.close()]),
  };
}

const json = {
  serialize: (value: Payload) => Buffer.from(JSON.stringify(value)),
  deserialize: (bytes: Buffer): Payload => JSON.parse(bytes.toString()),
};
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: json.serialize,
  requestDeserialize: json.deserialize,
  responseSerialize: json.serialize,
  responseDeserialize: json.deserialize,
});
const definition = {
  unary: method('/Test/unary', false, false),
  sum: method('/Test/sum', true, false),
  chat: method('/Test/chat', true, true),
} satisfies ServiceDefinition;

/** A handler of grpc-js as people write them, with the token of its call. */
const implementation = {
  unary(call: ServerUnaryCall<Payload, Payload>, done: sendUnaryData<Payload>) {
    const token = tokenOfCall(call as unknown as GrpcServerCall);
    finish(
      seen.handle(token, () => answer(call.request, token)),
      token,
      done,
    );
  },
  sum(call: ServerReadableStream<Payload, Payload>, done: sendUnaryData<Payload>) {
    const token = tokenOfCall(call as unknown as GrpcServerCall);
    finish(
      seen.handle(token, () => Promise.race([total(call), until(token)])),
      token,
      done,
    );
  },
  chat(call: ServerDuplexStream<Payload, Payload>) {
    const token = tokenOfCall(call as unknown as GrpcServerCall);
    const work = async () => {
      for await (const response of echo(call, token)) call.write(response);
      call.end();
    };
    void seen.handle(token, () => Promise.race([work(), until(token)])).catch(() => {});
  },
};

function finish(work: Promise<Payload>, { reason }: CancellationToken, done: sendUnaryData<Payload>): void {
  work.then(
    (value) => done(null, value),
    () => done({ code: grpcStatusOf(reason ?? 'CANCELLED'), details: '' }),
  );
}

interface GrpcCalls {
  unary(request: Payload, options: object, done: (error: ServiceError | null, value?: Payload) => void): void;
  sum(options: object, done: (error: ServiceError | null, value?: Payload) => void): ClientWritableStream<Payload>;
  chat(options: object): ClientDuplexStream<Payload, Payload>;
}

async function grpcServer(port = 0): Promise<[Server, number]> {
  const server = new Server();
  server.addService(definition, implementation as never);
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
  return [server, bound];
}

async function send(requests: AsyncIterable<Payload>, stream: ClientWritableStream<Payload>): Promise<void> {
  for await (const request of requests) stream.write(request);
  stream.end();
}

async function grpcJs(): Promise<Stack> {
  let [server, port] = await grpcServer();
  const Client = makeGenericClientConstructor(definition, 'Test');
  // Its own pause before it dials again is a second.
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.initial_reconnect_backoff_ms': 10,
  }) as unknown as GrpcClient & GrpcCalls;
  const under = (token: CancellationToken) => ({ interceptors: [withToken(token)] });
  return {
    unary: (request, token) =>
      new Promise((resolve, reject) =>
        client.unary(request, under(token), (error, value) => (error === null ? resolve(value!) : reject(error))),
      ),
    sum: (requests, token) =>
      new Promise((resolve, reject) => {
        const stream = client.sum(under(token), (error, value) => (error === null ? resolve(value!) : reject(error)));
        void send(requests, stream);
      }),
    chat: (requests, token) => {
      const stream = client.chat(under(token));
      void send(requests, stream);
      return stream;
    },
    async restart() {
      server.forceShutdown();
      [server, port] = await grpcServer(port);
    },
    reasonOf: reasonOfGrpc,
    async close() {
      client.close();
      server.forceShutdown();
    },
  };
}

describe.each([
  ['ours', ours],
  ['grpc-js', grpcJs],
])('%s', (name, make) => {
  let stack: Stack;
  beforeEach(async () => {
    seen = new Seen();
    stack = await make();
  });
  afterEach(() => stack.close());

  /** Why a call has failed. */
  const why = async (call: Promise<unknown>): Promise<string> => {
    try {
      await call;
      return 'ok';
    } catch (error) {
      return stack.reasonOf(error) ?? String(error);
    }
  };
  const drain = async (responses: AsyncIterable<Payload>, each: (response: Payload) => void = () => {}) => {
    for await (const response of responses) each(response);
  };
  async function* open(...requests: Payload[]): AsyncGenerator<Payload> {
    yield* requests;
    await new Promise(() => {});
  }
  const stopped = async (reasons: readonly (CancelReason | undefined)[]) => {
    await seen.idle();
    for (const reason of seen.reasons) expect(reasons).toContain(reason);
  };

  it('S1-03: cancel_after_begin: before any payload is canceled, and no handler is left', async () => {
    const source = new CancellationSource();
    const outcome = why(stack.sum(open(), source.token));
    await seen.entered.opened;
    source.cancel();
    expect(await outcome).toBe('CANCELLED');
    await stopped(['CANCELLED']);
  });

  it('S1-03: cancel_after_first_response: in the midst of a stream both ways is canceled, and the handler stops', async () => {
    const source = new CancellationSource();
    const sizes: number[] = [];
    const outcome = why(
      drain(stack.chat(open(payload(31_415, 27_182)), source.token), ({ body }) => {
        sizes.push(body.length);
        source.cancel();
      }),
    );
    expect([await outcome, sizes]).toEqual(['CANCELLED', [31_415]]);
    await stopped(['CANCELLED']);
  });

  it('S1-19: timeout_on_sleeping_server: one millisecond is deadline_exceeded', async () => {
    const { token } = new CancellationSource({ timeout: 1 });
    expect(await why(drain(stack.chat(open(payload(NEVER, 27_182)), token)))).toBe('TIMEOUT');
    await stopped(['TIMEOUT', 'CANCELLED']);
  });

  it('S0-15: cancel before start: is canceled, and no handler starts', async () => {
    const source = new CancellationSource();
    source.cancel();
    expect(await why(stack.unary(payload(1), source.token))).toBe('CANCELLED');
    expect(await why(stack.sum(open(payload(1)), source.token))).toBe('CANCELLED');
    expect(await why(drain(stack.chat(open(payload(1)), source.token)))).toBe('CANCELLED');
    await stack.unary(payload(1), CancellationToken.none);
    expect(seen.started).toBe(1);
  });

  it('S1-03: cancel after the first message was sent: is canceled, and the handler stops', async () => {
    const source = new CancellationSource();
    const outcome = why(stack.sum(open(payload(0, 10)), source.token));
    await seen.tookOne.opened;
    source.cancel();
    expect(await outcome).toBe('CANCELLED');
    await stopped(['CANCELLED']);
  });

  it('S1-03: cancel after the headers of the answer have come: is canceled, and the handler stops', async () => {
    const source = new CancellationSource();
    // The second response never comes; the first has brought the headers.
    const outcome = why(
      drain(
        stack.chat(open(payload(1), payload(NEVER)), source.token),
        () => void settled().then(() => source.cancel()),
      ),
    );
    expect(await outcome).toBe('CANCELLED');
    await stopped(['CANCELLED']);
  });

  it('S0-24: a timeout, but completed before it expires: is the answer, and cancels nothing later', async () => {
    const source = new CancellationSource({ timeout: 60_000 });
    expect((await stack.unary(payload(10), source.token)).body).toHaveLength(10);
    await settled();
    expect([seen.reasons, source.token.cancelled]).toEqual([[undefined], false]);
    source.close();
  });

  it(`S1-19: ${TIMEOUTS} simultaneous timeouts on one channel: all deadline_exceeded, and the channel lives`, async () => {
    const source = new CancellationSource({ timeout: 300 });
    const calls = Array.from({ length: TIMEOUTS }, () => why(stack.unary(payload(NEVER), source.token)));
    const outcomes = new Map<string, number>();
    for (const outcome of await Promise.all(calls)) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    expect([...outcomes]).toEqual([['TIMEOUT', TIMEOUTS]]);
    await stopped(['TIMEOUT', 'CANCELLED']);
    // Where the caller's clock is ahead it resets them all, and the server ends a session of grpc-js with its next call.
    const next = [await why(stack.unary(payload(10), CancellationToken.none))];
    if (name === 'grpc-js') next.push(await why(stack.unary(payload(10), CancellationToken.none)));
    expect(next).toContain('ok');
  });

  it('S1-02: reconnect after a transport failure: calls under way fail, and the next ones are answered', async () => {
    const token = CancellationToken.none;
    const outcome = why(stack.unary(payload(NEVER), token));
    await seen.entered.opened;
    await stack.restart();
    expect(await outcome).not.toBe('ok');
    await seen.idle();
    // The first may still be told of the connection that is gone.
    const tries = [await why(stack.unary(payload(10), token)), await why(stack.unary(payload(10), token))];
    expect(tries).toContain('ok');
  });

  it(`T-11: fuzz: ${CALLS} calls, left at any moment, settle as what they are, and leave no handler`, async () => {
    const turns = (count: number) =>
      new Promise<void>((resolve) =>
        count === 0 ? resolve() : setImmediate(() => void turns(count - 1).then(resolve)),
      );
    const kinds = ['unary', 'sum', 'chat'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...kinds),
        fc.nat(6),
        fc.constantFrom(NEVER, 0, 40_000),
        async (kind, after, size) => {
          const source = new CancellationSource();
          const { token } = source;
          const request = payload(size, 100);
          const call = {
            unary: () => stack.unary(request, token),
            sum: () => stack.sum(open(request), token),
            chat: () => drain(stack.chat(open(request), token)),
          };
          const outcome = why(call[kind]());
          await turns(after);
          source.cancel();
          expect(['ok', 'CANCELLED']).toContain(await outcome);
        },
      ),
      { numRuns: CALLS },
    );
    await stopped(['CANCELLED', undefined]);
    expect(await why(stack.unary(payload(1), CancellationToken.none))).toBe('ok');
  });
});
