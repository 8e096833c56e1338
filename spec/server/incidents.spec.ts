// Peers that mean harm: what was once an advisory for somebody. The process lives, its memory is bounded, others are served.
import net from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Server, serve, type WebHandler } from '../../lib/server/index.ts';
import { count, scale } from '../support/soak.ts';
import { END_HEADERS, END_STREAM, frame, GET, RawSession, TYPE, uint32 } from './support/frames.ts';
import { ManualClock } from './support/manual-clock.ts';
import { type Client, connect } from './support/peers.ts';

vi.setConfig({ testTimeout: 20_000 });

const MIB = 1 << 20;
let server: Server;
let bystander: Client;
/** Handlers that were started for the flood. */
let started: number;

const handler: WebHandler = async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/bystander') return new Response(`served ${request.headers.get('x-n')}.`);
  started++;
  return new Response('');
};

const ends: (() => unknown)[] = [];
beforeEach(async () => {
  started = 0;
  server = await serve(handler);
  bystander = await connect('h2c', Number(server.url.port));
  ends.push(server.close, () => bystander.leave());
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

let asked = 0;
async function bystanderIsServed(): Promise<void> {
  const n = ++asked;
  await bystander.ask({ path: '/bystander', headers: { 'x-n': `${n}` } }).until(`served ${n}.`);
}

/** What is in use once all garbage has gone. */
function inUse(): number {
  for (let times = 0; times < 3; times++) globalThis.gc?.();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

async function growth(flood: () => Promise<unknown>): Promise<number> {
  await bystanderIsServed();
  const before = inUse();
  await flood();
  await bystanderIsServed();
  return inUse() - before;
}

const port = () => Number(server.url.port);
const odd = (index: number) => 2 * index + 1;
const request = (index: number, flags = END_HEADERS | END_STREAM) => frame(TYPE.HEADERS, flags, odd(index), GET);

const reset = (index: number) => Buffer.concat([request(index), frame(TYPE.RST_STREAM, 0, odd(index), uint32(8))]);

/** Sends what `make` makes, in bites, while another session is served; until all is sent or the server has had enough. */
async function flood(session: RawSession, times: number, make: (index: number) => Buffer): Promise<void> {
  const bite = 250;
  for (let from = 0; from < times && !session.socket.destroyed; from += bite) {
    session.send(...Array.from({ length: bite }, (_, index) => make(from + index)));
    await bystanderIsServed();
  }
}

describe('floods', () => {
  it('T-01, S3-36: 5,000 requests that are reset at once start next to no work, keep nothing, and cost others nothing', async () => {
    const session = await RawSession.open(port());
    expect(await growth(() => flood(session, 5_000 * scale, reset))).toBeLessThan(20 * MIB);
    // One whose reset comes in the read after its own may have begun.
    expect(started).toBeLessThan(500 * scale);
    session.socket.destroy();
  });

  it('T-01: a session that Node has stopped serving for its many resets does not stay', async () => {
    const clock = new ManualClock();
    ends.push(clock.restore);
    const session = await RawSession.open(port());
    for (let from = 0; from < 2_000; from += 250) {
      session.send(...Array.from({ length: 250 }, (_, index) => reset(from + index)));
      await bystanderIsServed();
    }
    await clock.armed(5_000);
    clock.advance(5_000);
    // Where Node has not stopped, an answer shows it.
    await session.settled();
    expect(session.socket.destroyed).toBe(process.versions.node.startsWith('20.'));
    session.socket.destroy();
  });

  it('T-03: 5,000 requests that make the server reset them keep nothing', async () => {
    // A window that grows by nothing is an error of the stream (RFC 9113, section 6.9).
    const provoke = (index: number) =>
      Buffer.concat([request(index), frame(TYPE.WINDOW_UPDATE, 0, odd(index), uint32(0))]);
    const session = await RawSession.open(port());
    expect(await growth(() => flood(session, 5_000 * scale, provoke))).toBeLessThan(20 * MIB);
    session.socket.destroy();
  });

  it('T-04: headers that never end are ended by the server', async () => {
    const session = await RawSession.open(port());
    // Literal fields without indexing, name and value of a byte each.
    const fields = Buffer.concat(Array.from({ length: 3_000 }, () => Buffer.from([0, 1, 0x61, 1, 0x62])));
    session.send(frame(TYPE.HEADERS, 0, 1, GET));
    const grown = await growth(async () => {
      for (let times = 0; times < 1_000 && !session.socket.destroyed; times++) {
        session.send(frame(TYPE.CONTINUATION, 0, 1, fields));
        await bystanderIsServed();
      }
      await session.gone;
    });
    expect(grown).toBeLessThan(20 * MIB);
    expect(started).toBe(0);
  });

  it('T-04: headers that are too many or too large are refused', async () => {
    const session = await RawSession.open(port());
    const fields = Buffer.concat(Array.from({ length: 3_000 }, () => Buffer.from([0, 1, 0x61, 1, 0x62])));
    session.send(frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, Buffer.concat([GET, fields])));
    await session.settled();
    const one = await connect('HTTP/1.1', port());
    const large = one.ask({ headers: { 'x-large': 'x'.repeat(64 << 10) } });
    await large.over;
    expect(large.status).toBe(431);
    expect(started).toBe(0);
    session.socket.destroy();
  });

  it('T-04: a header that trickles in is cut off', async () => {
    const slow = await serve(handler, { headersTimeoutMs: 50 });
    ends.push(slow.close);
    const socket = net
      .connect(Number(slow.url.port), '127.0.0.1')
      .on('error', () => {})
      .resume();
    socket.write('G');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(started).toBe(0);
  });

  it('T-06: a peer that says GOAWAY again and again is answered for what it asked', async () => {
    const session = await RawSession.open(port());
    const goaway = frame(TYPE.GOAWAY, 0, 0, Buffer.alloc(8));
    session.send(request(0), goaway, goaway, goaway);
    await session.gone;
    expect(started).toBe(1);
    await bystanderIsServed();
  });
});

it('T-13: whatever the deadline header says, nothing throws and nothing fires early', async () => {
  const errors: unknown[] = [];
  const lenient = await serve((_, { token }) => new Response(`${token.reason} ${token.remaining() > 0}.`), {
    onError: (error) => errors.push(error),
  });
  ends.push(lenient.close);
  const client = await connect('h2c', Number(lenient.url.port));
  ends.push(() => client.leave());
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789-+.eE'), maxLength: 12 });
  const ascii = fc.string({ maxLength: 30 });
  const far = fc.bigInt({ min: 10_000n, max: 99_999_999_999n }).map(String);
  await fc.assert(
    // Blanks around a field are none of it; HTTP/2 takes them for an error of the stream.
    fc.asyncProperty(fc.oneof(digits, ascii, far), async (text) => {
      const value = text.trim();
      const answer = client.ask({ headers: { 'connect-timeout-ms': value } });
      const body = await answer.over;
      const legal = /^\d{1,10}$/.test(value) && BigInt(value) > 0n;
      if (!legal) return answer.status === 400;
      if (Number(value) < 1_000) return [200, 504].includes(answer.status as number);
      return body === 'undefined true.';
    }),
    { numRuns: count(1_000, 100_000) },
  );
  expect(errors).toEqual([]);
});
