// The token of a request: every shape of a request × everything its client can do × every protocol × every way to serve.
// PEER_CLOSED only when the peer left before the response was queued, CANCELLED for a reset on a live session, nothing after.
import { afterEach, describe, expect, it } from 'vitest';
import type { CancelReason } from '../../../lib/core/index.ts';
import { type Ask, type Asked, type Client, connect, PROTOCOLS, type Protocol } from './peers.ts';
import { type Relay, relay } from './relay.ts';
import { turns } from './stage.ts';
import type { Seen, Subject } from './subjects.ts';

/** How a request looks, and how far its handler goes before it hangs. */
interface Shape {
  ask: Ask;
  /** What the handler has of the body: less than all of it, and handlers that are given whole bodies are not asked. */
  body?: 'read' | 'partial';
  on?: readonly Protocol[];
  streams?: true;
  /** Also with a response that is queued and can't be sent. */
  queues?: true;
  /** Brings the connection into the state the shape needs. */
  before?(client: Pick<Client, 'ask'>, subject: Subject): Promise<Neighbour | undefined>;
  handle?(seen: Seen, asked: Asked): Promise<unknown>;
}

/** Another request on the same connection. */
interface Neighbour {
  asked: Asked;
  seen: Seen;
}

const PIPELINED = 'another request under way on the connection';

const readBody = async (seen: Seen) => expect(await seen.readBody()).toBe('Ada');
const begin = async (seen: Seen, asked: Asked) => {
  seen.begin('one');
  await asked.until('one');
};

const SHAPES: Record<string, Shape> = {
  GET: { ask: {}, queues: true },
  HEAD: { ask: { method: 'HEAD' } },
  'POST, body read': { ask: { method: 'POST', body: 'Ada' }, body: 'read', handle: readBody, queues: true },
  'POST, body not read': { ask: { method: 'POST', body: 'Ada' }, body: 'partial' },
  'upload under way': { body: 'partial', ask: { method: 'POST', body: 'Ad', unfinished: true }, queues: true },
  'upload being read': {
    body: 'partial',
    ask: { method: 'POST', body: 'Ad', unfinished: true },
    handle: async (seen) => void seen.readBody().catch(() => {}),
  },
  'streamed response': { ask: {}, streams: true, handle: begin },
  'server-sent events': { ask: { headers: { accept: 'text/event-stream' } }, streams: true, handle: begin },
  'a connection used before': {
    ask: {},
    async before(client, subject) {
      const first = client.ask({ path: '/first' });
      (await subject.seen.take()).answer('first.');
      await first.until('first.');
      return undefined;
    },
  },
  [PIPELINED]: {
    ask: {},
    async before(client, subject) {
      const asked = client.ask({ path: '/first' });
      return { asked, seen: await subject.seen.take() };
    },
  },
  'Expect: 100-continue': {
    ask: { method: 'POST', headers: { expect: '100-continue' }, body: 'Ada' },
    body: 'read',
    handle: readBody,
  },
  'upgrade refused': {
    ask: { headers: { connection: 'Upgrade', upgrade: 'websocket' } },
    on: ['HTTP/1.1'],
  },
};

/** What the client does while the handler hangs. */
interface Deed {
  do(situation: { client: Client; asked: Asked; relay: Relay }): void;
  expected: CancelReason;
  on?: readonly Protocol[];
  spares?: 'neighbour';
}

const HTTP2: readonly Protocol[] = ['h2c', 'h2 over TLS'];

const DEEDS: Record<string, Deed> = {
  'leaves (FIN)': { do: ({ client }) => client.leave(), expected: 'PEER_CLOSED' },
  'closes its half only': { do: ({ client }) => client.halfClose(), expected: 'PEER_CLOSED' },
  'breaks the connection (TCP RST)': { do: ({ client }) => client.drop(), expected: 'PEER_CLOSED' },
  'is killed (SIGKILL)': { do: ({ relay }) => relay.kill(), expected: 'PEER_CLOSED' },
  'resets the stream': { do: ({ asked }) => asked.reset(8), expected: 'CANCELLED', on: HTTP2, spares: 'neighbour' },
  'aborts the stream with a signal': {
    do: ({ asked }) => asked.abort(),
    expected: 'CANCELLED',
    on: HTTP2,
    spares: 'neighbour',
  },
  'resets the stream as undici does (code 0)': {
    do: ({ asked }) => asked.reset(0),
    expected: 'CANCELLED',
    on: HTTP2,
    spares: 'neighbour',
  },
  'resets the stream with an error (code 2)': {
    do: ({ asked }) => asked.reset(2),
    expected: 'CANCELLED',
    on: HTTP2,
    spares: 'neighbour',
  },
};

/** What of the table can be put to somebody. */
export interface Abilities {
  /** The request in its own language; undefined where it has none of the kind. */
  ask?(ask: Ask, streams: boolean): Ask | undefined;
  /** Its handlers are given whole bodies. */
  readonly parses?: boolean;
  /** Its handlers answer at one go. */
  readonly atOnce?: boolean;
  /** Over these a large answer is queued only as fast as it is read. */
  readonly streamsOver?: readonly Protocol[];
  /** Without pipelined requests. */
  readonly bySignal?: boolean;
}

/** What is put to the table. */
export interface Tabled extends Abilities {
  readonly protocols?: readonly Protocol[];
  start(protocol: Protocol): Promise<Subject>;
  /** Whether a large answer is queued some turns after the handler has given it, and not at once. */
  readonly queuesLater?: boolean;
  /** Without the client that is killed: to start one takes a process. */
  readonly spareProcesses?: boolean;
}

const MORE_THAN_BUFFERS_HOLD = 'x'.repeat(16 << 20);

const inWordsOf = ({ ask }: Abilities, about: Ask, streams = false) =>
  ask === undefined ? about : ask(about, streams);

const shapesOver = (protocol: Protocol) =>
  Object.entries(SHAPES).filter(([, shape]) => (shape.on ?? PROTOCOLS).includes(protocol));
const deedsOver = (protocol: Protocol) =>
  Object.entries(DEEDS).filter(([, deed]) => (deed.on ?? PROTOCOLS).includes(protocol));

/** Why a shape of the table is not put to somebody; undefined: it is. */
function whyNot(subject: Abilities, protocol: Protocol, name: string, shape: Shape): string | undefined {
  if (subject.atOnce && shape.streams) return 'its handlers answer at one go';
  if (subject.bySignal && protocol === 'HTTP/1.1' && name === PIPELINED)
    return 'Node 20 tells only the first of pipelined requests that its client has left';
  if (subject.parses && shape.body === 'partial') return 'its handlers are given whole bodies';
  return inWordsOf(subject, shape.ask, shape.streams) === undefined ? 'it answers no request of this kind' : undefined;
}

/** Why somebody is not asked what becomes of a large answer that waits for its client. */
function whyNotQueued({ streamsOver }: Abilities, protocol: Protocol): string | undefined {
  return streamsOver?.includes(protocol) ? 'a large answer is queued only as fast as its client reads it' : undefined;
}

/** What of the table is put to somebody over these protocols, in rows, and what is not, and why. */
export interface Extent {
  readonly asked: number;
  readonly left: readonly {
    readonly protocol: Protocol;
    readonly what: string;
    readonly rows: number;
    readonly why: string;
  }[];
}

export function extentOf(subject: Abilities, protocols: readonly Protocol[]): Extent {
  let asked = 0;
  const left: Extent['left'][number][] = [];
  for (const protocol of protocols) {
    const deeds = deedsOver(protocol).length;
    const put = (what: string, rows: number, why: string | undefined) => {
      if (why === undefined) asked += rows;
      else left.push({ protocol, what, rows, why });
    };
    for (const [name, shape] of shapesOver(protocol)) {
      const why = whyNot(subject, protocol, name, shape);
      put(name, 1 + deeds, why);
      if (shape.queues) put(`${name}, answered at length`, deeds, why ?? whyNotQueued(subject, protocol));
    }
  }
  return { asked, left };
}

/** The specs of one way to serve. */
export function truthTable({ protocols = PROTOCOLS, ...subject }: Tabled): void {
  const ends: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
  });

  const inOwnWords = (ask: Ask, streams = false) => inWordsOf(subject, ask, streams);

  describe.each(protocols)('over %s', (protocol) => {
    const shapes = shapesOver(protocol)
      .filter(([name, shape]) => whyNot(subject, protocol, name, shape) === undefined)
      .map(([name, shape]) => ({ name, shape }));
    const deeds = deedsOver(protocol).filter(([name]) => !(subject.spareProcesses && name.includes('SIGKILL')));

    /** A request in its shape, with its handler hanging. */
    async function set(shape: Shape, killable = false, more: Ask = {}) {
      const served = await subject.start(protocol);
      ends.push(served.close);
      const through = killable ? await relay(served.port) : { port: served.port, kill() {} };
      ends.push(through.kill);
      const client = await connect(protocol, through.port);
      ends.push(() => client.leave());
      const speaking = { ask: (ask: Ask = {}) => client.ask(inOwnWords(ask)) };
      const neighbour = await shape.before?.(speaking, served);
      const asked = client.ask({ ...(inOwnWords(shape.ask, shape.streams) as Ask), ...more });
      const seen = await served.seen.take();
      await shape.handle?.(seen, asked);
      return { served, relay: through, client, neighbour, asked, seen };
    }

    describe.each(shapes)('$name', ({ shape }) => {
      it('completes, and nothing cancels it after that', async () => {
        const { served, client, neighbour, asked, seen } = await set(shape);
        neighbour?.seen.answer('first');
        if (shape.streams) seen.end('two.');
        else seen.answer('two.');
        await (shape.ask.method === 'HEAD' ? asked.responded : asked.until('two.'));
        client.leave();
        await served.settled();
        expect(seen.token.reason).toBeUndefined();
        expect(neighbour?.seen.token.reason).toBeUndefined();
      });

      if (shape.queues && whyNotQueued(subject, protocol) === undefined)
        it.each(deeds)(
          'nothing cancels it once the response is queued, if its client %s',
          async (deed, { do: doIt }) => {
            const { served, relay, client, asked, seen } = await set(shape, deed.includes('SIGKILL'), { stall: true });
            seen.answer(MORE_THAN_BUFFERS_HOLD);
            if (subject.queuesLater) await turns();
            doIt({ client, asked, relay });
            client.leave();
            await served.settled();
            expect(seen.token.reason).toBeUndefined();
          },
        );

      it.each(deeds)('its client %s', async (deed, { do: doIt, expected, spares }) => {
        const { relay, client, neighbour, asked, seen } = await set(shape, deed.includes('SIGKILL'));
        const reason = cancelOf(seen);
        doIt({ client, asked, relay });
        expect(await reason).toBe(expected);
        if (neighbour === undefined) return;
        if (spares === undefined) expect(await cancelOf(neighbour.seen)).toBe(expected);
        else {
          // S0-19
          expect(neighbour.seen.token.cancelled).toBe(false);
          neighbour.seen.answer('first');
          await neighbour.asked.until('first');
        }
      });
    });
  });
}

const cancelOf = ({ token }: Seen) =>
  new Promise<CancelReason>((resolve) => token.onCancel(({ reason }) => resolve(reason)));
