// The cases of the Connect conformance suite about cancels, timeouts and deadlines, restated: the suite asks what a client is
// told; these ask as well whether the handler stopped. Each with our client, our server, and both.
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code, ConnectError, createClient as createEsClient, type HandlerContext } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, fetchTransport } from '../../lib/rpc/client.ts';
import type { RpcError, Transport } from '../../lib/rpc/index.ts';
import { type CallContext, createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { Counter } from '../rpc/support/counter.ts';
import { counterDescriptor } from './support/protobuf.ts';
import { type Message, Scene, type Script } from './support/scene.ts';

let scene: Scene;

interface Options {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

/** A client of either library, in the words of the suite. */
interface Caller {
  double(request: Message, options: Options): Promise<Message>;
  upTo(request: Message, options: Options): AsyncIterable<Message>;
  sum(requests: AsyncIterable<Message>, options: Options): Promise<Message>;
  chat(requests: AsyncIterable<Message>, options: Options): AsyncIterable<Message>;
}

type Version = '1.1' | '2';
type Library = 'ours' | 'connect-es';

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const gone = (signal: AbortSignal) =>
  new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));
const left = ({ token }: CallContext) => new Promise<void>((resolve) => token.onCancel(() => resolve()));

const servers: Record<Library, (version: Version) => Promise<string>> = {
  async ours(version) {
    const handler = createHandler([
      implement(Counter, {
        double: (request, context) => scene.unary(request, context.remaining(), left(context)),
        upTo: (request, context) => scene.serverStream(request, context.remaining(), left(context)),
        sum: (requests, context) => scene.clientStream(requests, context.remaining(), left(context)),
        chat: (requests, context) => scene.bidi(requests, context.remaining(), left(context)),
      }),
    ]);
    const server = await serve(handler, version === '2' ? {} : { http2: false });
    ends.push(() => server.close());
    return server.url.origin;
  },
  async 'connect-es'(version) {
    const remaining = (context: HandlerContext) => context.timeoutMs() ?? Number.POSITIVE_INFINITY;
    const adapter = connectNodeAdapter({
      routes: ({ service }) => {
        service(counterDescriptor(), {
          double: (request: Message, context: HandlerContext) =>
            scene.unary(request, remaining(context), gone(context.signal)),
          upTo: (request: Message, context: HandlerContext) =>
            scene.serverStream(request, remaining(context), gone(context.signal)),
          sum: (requests: AsyncIterable<Message>, context: HandlerContext) =>
            scene.clientStream(requests, remaining(context), gone(context.signal)),
          chat: (requests: AsyncIterable<Message>, context: HandlerContext) =>
            scene.bidi(requests, remaining(context), gone(context.signal)),
        } as never);
      },
    });
    const server = version === '2' ? http2.createServer(adapter) : http.createServer(adapter);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
};

const clients: Record<Library, (version: Version, baseUrl: string) => Caller> = {
  ours(version, baseUrl) {
    const transport: Transport = version === '2' ? http2Transport({ baseUrl }) : fetchTransport({ baseUrl });
    ends.push(() => transport.close?.());
    const counter = createClient(Counter, { transport });
    const ours = ({ signal, timeoutMs }: Options) => ({ token: signal, timeout: timeoutMs });
    return {
      double: (request, options) => counter.double(request, ours(options)),
      upTo: (request, options) => counter.upTo(request, ours(options)),
      sum: (requests, options) => counter.sum(requests, ours(options)),
      chat: (requests, options) => counter.chat(requests, ours(options)),
    };
  },
  'connect-es': (httpVersion, baseUrl) =>
    createEsClient(
      counterDescriptor(),
      createConnectTransport({ httpVersion, baseUrl, useBinaryFormat: false }),
    ) as unknown as Caller,
};

function codeOf(error: unknown): string {
  if (error instanceof ConnectError) return Code[error.code] as string;
  const { code } = error as RpcError;
  return code === 'canceled' ? 'Canceled' : code === 'deadline_exceeded' ? 'DeadlineExceeded' : code;
}

/** One call of a case: its requests, and what came of it. */
class Run {
  readonly #controller = new AbortController();
  readonly #options: Options;
  readonly #caller: Caller;
  /** Resolves when so many requests were handed over; the rest stays away. */
  readonly #keepOpen: boolean;
  received = 0;
  readonly first: Promise<void>;
  #gotFirst: () => void = () => {};
  outcome: Promise<string> | undefined;

  constructor(caller: Caller, { keepOpen = false, timeoutMs }: { keepOpen?: boolean; timeoutMs?: number } = {}) {
    this.#caller = caller;
    this.#keepOpen = keepOpen;
    this.#options = { signal: this.#controller.signal, ...(timeoutMs !== undefined && { timeoutMs }) };
    this.first = new Promise((resolve) => {
      this.#gotFirst = resolve;
    });
  }

  begin(kind: Kind): this {
    this.outcome = this.#call(kind).then(() => 'ok', codeOf);
    return this;
  }

  cancel(): void {
    this.#controller.abort();
  }

  async #call(kind: Kind): Promise<void> {
    if (kind === 'unary') await this.#caller.double({ n: 1 }, this.#options);
    else if (kind === 'client-stream') await this.#caller.sum(this.#requests(), this.#options);
    else if (kind === 'server-stream') await this.#read(this.#caller.upTo({ n: 1 }, this.#options));
    else await this.#read(this.#caller.chat(this.#requests(), this.#options));
  }

  async #read(responses: AsyncIterable<Message>): Promise<void> {
    for await (const _ of responses) {
      this.received++;
      this.#gotFirst();
    }
  }

  async *#requests(): AsyncGenerator<Message> {
    yield { n: 1 };
    yield { n: 2 };
    if (this.#keepOpen) await new Promise(() => {});
  }
}

type Kind = 'unary' | 'client-stream' | 'server-stream' | 'bidi-stream';
type Moment = 'cancel-before-close-send' | 'cancel-after-close-send' | 'cancel-after-responses';

const HALF: Script = { halfDuplex: true };
const cancels: [name: string, kind: Kind, moment: Moment, script: Script][] = [
  ['unary', 'unary', 'cancel-after-close-send', {}],
  ['client-stream', 'client-stream', 'cancel-before-close-send', {}],
  ['client-stream', 'client-stream', 'cancel-after-close-send', {}],
  ['server-stream', 'server-stream', 'cancel-after-close-send', {}],
  ['server-stream', 'server-stream', 'cancel-after-responses', { responses: 1 }],
  ['bidi-stream/full-duplex', 'bidi-stream', 'cancel-after-responses', { responses: 1 }],
  ['bidi-stream/full-duplex', 'bidi-stream', 'cancel-before-close-send', {}],
  ['bidi-stream/full-duplex', 'bidi-stream', 'cancel-after-close-send', {}],
  ['bidi-stream/half-duplex', 'bidi-stream', 'cancel-after-responses', { ...HALF, responses: 1 }],
  ['bidi-stream/half-duplex', 'bidi-stream', 'cancel-before-close-send', HALF],
  ['bidi-stream/half-duplex', 'bidi-stream', 'cancel-after-close-send', HALF],
];

const timeouts: [name: string, kind: Kind, script: Script][] = [
  ['unary', 'unary', {}],
  ['client-stream', 'client-stream', {}],
  ['server-stream', 'server-stream', {}],
  ['bidi-stream/full-duplex', 'bidi-stream', {}],
  ['bidi-stream/half-duplex', 'bidi-stream', HALF],
];

const successes: [kind: Kind, script: Script][] = [
  ['unary', { responses: 1, waits: false }],
  ['client-stream', { waits: false }],
  ['server-stream', { responses: 2, waits: false }],
  ['bidi-stream', { responses: 2, waits: false }],
];

const pairs: [client: Library, server: Library, version: Version][] = (['1.1', '2'] as const).flatMap((version) => [
  ['ours', 'connect-es', version] as [Library, Library, Version],
  ['connect-es', 'ours', version] as [Library, Library, Version],
  ['ours', 'ours', version] as [Library, Library, Version],
]);

describe.each(pairs)('client %s, server %s, HTTP/%s', (client, server, version) => {
  let caller: Caller;
  beforeAll(async () => {
    caller = clients[client](version, await servers[server](version));
  });
  // connect-es has no stream in both directions over HTTP/1.1.
  const possible = <T extends [...unknown[]]>(cases: T[]) =>
    cases.filter((one) => version === '2' || !one.includes('bidi-stream'));

  it.each(possible(cancels))('S1-01, S1-03: %s (%s) %s: canceled, and the handler stops', async (...one) => {
    const [, kind, moment, script] = one;
    scene = new Scene({ ...script, requests: 2 });
    const keepOpen =
      moment === 'cancel-before-close-send' || (moment === 'cancel-after-responses' && !script.halfDuplex);
    const run = new Run(caller, { keepOpen }).begin(kind);
    await scene.entered.opened;
    if (moment === 'cancel-after-responses') await run.first;
    else if (keepOpen) await scene.took.opened;
    else if (kind === 'client-stream' || kind === 'bidi-stream') await scene.ended.opened;
    run.cancel();
    expect([await run.outcome, run.received]).toEqual(['Canceled', script.responses ?? 0]);
    await scene.stopped.opened;
  });

  it.each(possible(timeouts))('S1-19: %s (%s) times out: deadline_exceeded, and the handler stops', async (...one) => {
    const [, kind, script] = one;
    scene = new Scene(script);
    expect(await new Run(caller, { timeoutMs: 200 }).begin(kind).outcome).toBe('DeadlineExceeded');
    await scene.stopped.opened;
  });

  it.each(possible(successes))(
    'S1-20: the deadline of %s reaches the handler, and does no harm',
    async (kind, script) => {
      scene = new Scene(script);
      const run = new Run(caller, { timeoutMs: 2_000 }).begin(kind);
      const remaining = await scene.entered.opened;
      expect([remaining > 0, remaining <= 2_000]).toEqual([true, true]);
      expect(await run.outcome).toBe('ok');
      expect(scene.stops).toBe(0);
    },
  );
});

it('are twenty cases, as in the suite', () => {
  expect([cancels.length, timeouts.length, successes.length]).toEqual([11, 5, 4]);
});
