// Who ends a call, at which moment, over which protocol, of which kind: what either side is told, and what stands on the wire.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CancellationSource, type CancellationToken, type CancelReason } from '../../lib/core/index.ts';
import { type Client, createClient, fetchTransport } from '../../lib/rpc/client.ts';
import { bidi, clientStream, type RpcError, serverStream, service, unary } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { settled } from '../rpc/support/greeter.ts';
import { certificate } from '../server/support/certificate.ts';
import { Wiretap } from './support/wiretap.ts';

const text = z.object({ text: z.string() });
const schemas = { input: text, output: text };
const Echo = service('Echo', {
  unary: unary(schemas),
  serverStream: serverStream(schemas),
  clientStream: clientStream(schemas),
  bidi: bidi(schemas),
});
type Kind = keyof (typeof Echo)['methods'];
const kinds = Object.keys(Echo.methods) as Kind[];
const takesMany = (kind: Kind) => kind === 'clientStream' || kind === 'bidi';

const HI = { text: 'hi' };
/** Does not go through in one piece, and not without the other side's leave. */
const BIG = { text: 'x'.repeat(200_000) };
const PART = 20_000;

/** What the server does when the call ends: it has sent nothing, has taken a part of the request, has sent a part of the answer. */
const states = ['silent', 'reading', 'answering'] as const;
type State = (typeof states)[number];

/** How the server's side of one call went. */
class Scene {
  state: State = 'silent';
  readonly started: Gate<CancellationToken> = gate();
  readonly tookOne: Gate<void> = gate();
  readonly stopped: Gate<CancelReason | undefined> = gate();
  begun = false;

  begin(token: CancellationToken): void {
    this.begun = true;
    this.started.open(token);
  }

  async wait(token: CancellationToken): Promise<never> {
    try {
      return await new Promise((_, reject) => token.onCancel(reject));
    } finally {
      this.stopped.open(token.reason);
    }
  }

  async take(requests: AsyncIterable<unknown>, token: CancellationToken): Promise<never> {
    try {
      for await (const _ of requests) this.tookOne.open();
      return await this.wait(token);
    } finally {
      this.stopped.open(token.reason);
    }
  }
}
let scene: Scene;

const handler = createHandler([
  implement(Echo, {
    async unary(request, { token }) {
      if (request.text === HI.text) return HI;
      scene.begin(token);
      return scene.state === 'answering' ? BIG : scene.wait(token);
    },
    async *serverStream(_, { token }) {
      scene.begin(token);
      if (scene.state === 'answering') yield HI;
      await scene.wait(token);
    },
    async clientStream(requests, { token }) {
      scene.begin(token);
      return scene.state === 'silent' ? scene.wait(token) : scene.take(requests, token);
    },
    async *bidi(requests, { token }) {
      scene.begin(token);
      if (scene.state === 'answering') yield HI;
      await (scene.state === 'silent' ? scene.wait(token) : scene.take(requests, token));
    },
  }),
]);

const protocols = {
  'HTTP/1.1': () => serve(handler, { http2: false }),
  h2c: () => serve(handler),
  'h2 over TLS': () => serve(handler, { tls: certificate() }),
};

/** Moments at which a caller may leave. */
const phases = ['already', 'before the first byte', 'mid request', 'after the request', 'mid response'] as const;
type Phase = (typeof phases)[number];

/** Whether a server can be in that state when a call of that kind is at that point. */
function exists(kind: Kind, phase: Phase, state: State): boolean {
  if (phase === 'mid response') return state === 'answering';
  if (phase === 'mid request') return state !== 'answering' || takesMany(kind);
  return state === 'silent';
}

const cells = kinds.flatMap((kind) =>
  phases.flatMap((phase) =>
    states.filter((state) => exists(kind, phase, state)).map((state) => ({ kind, phase, state })),
  ),
);
type Cell = (typeof cells)[number];

/** One call on a connection that is there already, with somebody on the line. */
class Call {
  readonly source = new CancellationSource();
  readonly tap: Wiretap;
  readonly #close: () => Promise<unknown> | undefined;
  readonly client: Client<(typeof Echo)['methods']>;
  readonly #cell: Cell;
  #answered: Gate<void> = gate();
  #sent = 0;
  #got = 0;
  error: Promise<RpcError> | undefined;

  private constructor(tap: Wiretap, isHttp2: boolean, cell: Cell) {
    this.tap = tap;
    this.#cell = cell;
    const ca = certificate().cert;
    const transport = isHttp2
      ? http2Transport({ baseUrl: tap.url, session: { ca } })
      : fetchTransport({ baseUrl: tap.url });
    this.client = createClient(Echo, { transport });
    this.#close = () => transport.close?.();
  }

  static async on(server: Server, isHttp2: boolean, cell: Cell): Promise<Call> {
    scene = new Scene();
    scene.state = cell.state;
    const call = new Call(await Wiretap.on(server.url), isHttp2, cell);
    await call.client.unary(HI);
    return call;
  }

  /** Goes as far as the cell says. `first`: runs where the first request is asked for. */
  async advance(): Promise<void> {
    const { kind, phase, state } = this.#cell;
    this.#sent = this.tap.passed('client');
    this.#got = this.tap.passed('server');
    if (phase === 'already') this.source.cancel();
    if (state === 'silent') this.tap.hold('server');
    if (phase === 'mid request' && !takesMany(kind)) this.tap.hold('client', PART);
    if (phase === 'mid response' && kind === 'unary') this.tap.hold('server', PART);
    this.error = this.#outcome();
    if (phase === 'mid request' && !takesMany(kind)) await this.#passed('client', PART);
    if (phase === 'mid request' && takesMany(kind)) await (state === 'silent' ? scene.started : scene.tookOne).opened;
    if (phase === 'after the request') await scene.started.opened;
    if (phase === 'mid response' || state === 'answering') await this.#answering(kind);
  }

  async #answering(kind: Kind): Promise<void> {
    if (kind === 'serverStream' || kind === 'bidi') return this.#answered.opened;
    await this.#passed('server', kind === 'unary' ? PART : 1);
    await settled();
  }

  #passed(from: 'client' | 'server', bytes: number): Promise<void> {
    const before = from === 'client' ? this.#sent : this.#got;
    return this.tap.until(() => this.tap.passed(from) >= before + bytes);
  }

  get bytesSent(): number {
    return this.tap.passed('client') - this.#sent;
  }

  async #outcome(): Promise<RpcError> {
    try {
      await this.#run();
    } catch (error) {
      return error as RpcError;
    }
    return expect.fail('The call went well.');
  }

  async #run(): Promise<void> {
    const { kind, phase } = this.#cell;
    const { client, source } = this;
    const { token } = source;
    const request = phase === 'mid request' ? BIG : { text: 'wait' };
    if (kind === 'unary' || kind === 'clientStream') {
      const response =
        kind === 'unary' ? client.unary(request, { token }) : client.clientStream(this.#requests(), { token });
      if (phase === 'before the first byte' && kind === 'unary') source.cancel();
      return void (await response);
    }
    const responses =
      kind === 'bidi' ? client.bidi(this.#requests(), { token }) : client.serverStream(request, { token });
    const first = responses.next();
    if (phase === 'before the first byte' && kind === 'serverStream') source.cancel();
    await first;
    this.#answered.open();
    await responses.next();
  }

  /** The first one, and then nothing for ever, where the request is to stay open. */
  async *#requests(): AsyncGenerator<{ text: string }> {
    const { phase } = this.#cell;
    if (phase === 'before the first byte') this.source.cancel();
    yield { text: 'first' };
    if (phase === 'mid request') await new Promise(() => {});
  }

  /** A call that set off before the loss was noticed may be lost as well. */
  async comesBack(): Promise<void> {
    this.tap.release();
    const next = () => this.client.unary(HI);
    expect(await next().catch(next)).toEqual(HI);
  }

  async end(): Promise<void> {
    this.tap.release();
    await this.#close();
    this.tap.close();
  }
}

describe.each(Object.entries(protocols))('over %s', (protocol, listen) => {
  const isHttp2 = protocol !== 'HTTP/1.1';
  let server: Server;
  beforeAll(async () => {
    server = await listen();
  });
  afterAll(() => server.close());

  const during = async (cell: Cell, check: (call: Call) => Promise<void>) => {
    const call = await Call.on(server, isHttp2, cell);
    try {
      await call.advance();
      await check(call);
    } finally {
      await call.end();
    }
  };

  describe('a caller that leaves', () => {
    it.each(cells)('$phase, of $kind, from a server that is $state', (cell) =>
      during(cell, async (call) => {
        const { source, tap } = call;
        source.cancel();
        // Over HTTP/1.1 what is held back never left: there is no window that would keep it in the client.
        if (isHttp2) tap.release();
        expect(await call.error).toMatchObject({ code: 'canceled', reason: 'CANCELLED', remote: false });
        expect(((await call.error) as Error).cause).toBe(source.token.error);
        await checkWire(call, cell);
        await checkHandler(cell, isHttp2 ? 'CANCELLED' : 'PEER_CLOSED');
        tap.release();
        // Whoever shares the connection is served on it.
        expect(await call.client.unary(HI)).toEqual(HI);
        if (isHttp2) expect(tap.connections).toBe(1);
      }),
    );
  });

  describe('a caller that leaves as the connection is lost', () => {
    it.each(cells)('$phase, of $kind, from a server that is $state', (cell) =>
      during(cell, async (call) => {
        const { source, tap } = call;
        tap.cut();
        source.cancel();
        expect(await call.error).toMatchObject({ code: 'canceled', reason: 'CANCELLED', cause: source.token.error });
        if (cell.phase !== 'before the first byte') await checkHandler(cell, 'PEER_CLOSED');
        await call.comesBack();
      }),
    );
  });

  describe('a connection that is lost', () => {
    it.each(cells.filter(({ phase }) => !isEarly(phase)))('$phase, of $kind, from a server that is $state', (cell) =>
      during(cell, async (call) => {
        call.tap.cut();
        const { code, reason, neverProcessed, remote } = (await call.error) as RpcError;
        // The fetch of Node 20 ends an answer with `connection: close` as if it were whole; the missing last message tells.
        const isEndedByFetch = !isHttp2 && takesMany(cell.kind) && cell.state === 'answering' && code === 'internal';
        if (!isEndedByFetch) expect([code, reason]).toEqual(['unavailable', 'PEER_CLOSED']);
        expect([neverProcessed, remote]).toEqual([false, false]);
        await checkHandler(cell, 'PEER_CLOSED');
        expect(call.source.token.cancelled).toBe(false);
        await call.comesBack();
      }),
    );
  });

  async function checkWire(call: Call, { phase }: Cell): Promise<void> {
    const { tap } = call;
    if (phase === 'already') return expect([call.bytesSent, tap.resets('client')]).toEqual([0, []]);
    if (call.bytesSent === 0 && phase === 'before the first byte') return expect(tap.resets('client')).toEqual([]);
    // HTTP/1.1 has nothing smaller to give up than the connection.
    if (!isHttp2) await tap.until(() => tap.closed.length > 0);
    else await tap.until(() => tap.resets('client').length > 0);
    expect(isHttp2 ? tap.resets('client') : tap.closed).toEqual(isHttp2 ? [CANCEL] : ['client']);
  }
});

const CANCEL = 8;
const isEarly = (phase: Phase) => phase === 'already' || phase === 'before the first byte';

async function checkHandler({ kind, phase }: Cell, reason: CancelReason): Promise<void> {
  if (isEarly(phase) || (phase === 'mid request' && !takesMany(kind))) {
    await settled();
    return expect(scene.begun).toBe(false);
  }
  // A response that was handed over whole is nobody's work any more.
  if (phase === 'mid response' && kind === 'unary') expect((await scene.started.opened).cancelled).toBe(false);
  else expect(await scene.stopped.opened).toBe(reason);
}
