// Requests that are none, or that stop being one: each gets its 4xx, its connection ends, and others are served.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CancelReason } from '../../lib/core/index.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { END_HEADERS, END_STREAM, frame, GET, RawSession, TYPE, uint32 } from './support/frames.ts';
import { Inbox } from './support/gate.ts';
import { ManualClock } from './support/manual-clock.ts';
import { type Client, connect } from './support/peers.ts';

interface Seen {
  readonly path: string;
  /** What reading the body came to. */
  readonly body: Promise<string>;
  readonly reason: Promise<CancelReason>;
}

let server: Server;
let bystander: Client;
let seen: Inbox<Seen>;
let errors: unknown[];
const ends: (() => unknown)[] = [];
beforeEach(async () => {
  seen = new Inbox();
  errors = [];
  server = await serve(
    (request, { token }) => {
      const { pathname: path } = new URL(request.url);
      if (path === '/bystander') return new Response(`(${request.headers.get('x-n')})`);
      const body = request.text().catch((error: Error) => `failed: ${error.message}`);
      seen.put({ path, body, reason: new Promise((resolve) => token.onCancel(({ reason }) => resolve(reason))) });
      return new Promise(() => {});
    },
    { onError: (error) => errors.push(error) },
  );
  bystander = await connect('h2c', port());
  ends.push(server.close, () => bystander.leave());
});
afterEach(async () => {
  await bystanderIsServed();
  expect(errors).toEqual([]);
  for (const end of ends.splice(0).reverse()) await end();
});

const port = () => Number(server.url.port);
let asked = 0;
async function bystanderIsServed(): Promise<void> {
  const n = `${++asked}`;
  await bystander.ask({ path: '/bystander', headers: { 'x-n': n } }).until(`(${n})`);
}

/** Sends, and tells all that comes until the connection has gone. */
function raw(text: string): { socket: net.Socket; all: Promise<string> } {
  const socket = net.connect({ port: port(), host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  ends.push(() => socket.destroy());
  socket.write(text, 'latin1');
  let all = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    all += chunk;
  });
  return { socket, all: once(socket, 'close').then(() => all) };
}

const HEAD = 'POST /upload HTTP/1.1\r\nhost: a\r\n';

describe('a request of HTTP/1.1 that is malformed gets its 4xx, and is never handed on', () => {
  it.each<[string, string, number]>([
    ['a line that is none', 'GET\r\n\r\n', 400],
    ['a version that is none', 'GET / HTTP/9.9\r\nhost: a\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['a method that is none', 'GOT / HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['blanks in the target', 'GET /a b HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['a field without a colon', 'GET / HTTP/1.1\r\nhost: a\r\nfield\r\n\r\n', 400],
    ['a field name with a blank', 'GET / HTTP/1.1\r\nhost: a\r\nx y: 1\r\n\r\n', 400],
    ['a null in a field', 'GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n', 400],
    ['a length that is none', `${HEAD}content-length: 3x\r\n\r\nAda`, 400],
    ['a negative length', `${HEAD}content-length: -3\r\n\r\nAda`, 400],
    ['two lengths', `${HEAD}content-length: 3\r\ncontent-length: 4\r\n\r\nAda`, 400],
    ['a length and chunks', `${HEAD}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['headers of 32 KiB', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(32 << 10)}\r\n\r\n`, 431],
    ['10,000 fields', `GET / HTTP/1.1\r\nhost: a\r\n${'x: 1\r\n'.repeat(10_000)}\r\n`, 431],
    [
      'an expectation that nobody meets',
      `${HEAD}expect: the-moon\r\ncontent-length: 3\r\nconnection: close\r\n\r\nAda`,
      417,
    ],
  ])('%s', async (_, text, status) => {
    const { all } = raw(text);
    expect(await all).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(seen.size).toBe(0);
  });
});

describe('a body that stops being one', () => {
  it.each<[string, string, string]>([
    ['an encoding that nobody knows', 'transfer-encoding: chonked', 'Ada'],
    ['a chunk whose size is none', 'transfer-encoding: chunked', '3\r\nAda\r\nx\r\n'],
    ['a chunk that is longer than it said', 'transfer-encoding: chunked', '3\r\nAdam\r\n0\r\n\r\n'],
  ])('by %s ends its connection with 400; its handler hears PEER_CLOSED, and has no body', async (_, field, body) => {
    const { all } = raw(`${HEAD}${field}\r\n\r\n${body}`);
    const { reason, body: read } = await seen.take();
    expect(await reason).toBe('PEER_CLOSED');
    expect(await read).toContain('failed: ');
    expect(await all).toMatch(/^(HTTP\/1\.1 400 |$)/);
  });

  it.each<[string, string, string]>([
    ['half of its length', 'content-length: 6', 'Ada'],
    ['half of its chunks', 'transfer-encoding: chunked', '3\r\nAda\r\n'],
    ['half of a chunk', 'transfer-encoding: chunked', '6\r\nAda'],
  ])('by the end of its connection after %s is never taken for the whole', async (_, field, body) => {
    const { socket } = raw(`${HEAD}${field}\r\n\r\n${body}`);
    const { reason, body: read } = await seen.take();
    socket.end();
    expect(await reason).toBe('PEER_CLOSED');
    expect(await read).toContain('failed: ');
  });

  it('by less than it announced, over HTTP/2, is never taken for the whole', async () => {
    const session = await RawSession.open(port());
    ends.push(() => session.socket.destroy());
    const length = Buffer.concat([
      GET,
      Buffer.from([0, 14]),
      Buffer.from('content-length'),
      Buffer.from([1]),
      Buffer.from('6'),
    ]);
    session.send(frame(TYPE.HEADERS, END_HEADERS, 1, length), frame(TYPE.DATA, 0, 1, Buffer.from('Ada')));
    const { reason, body: read } = await seen.take();
    session.send(frame(TYPE.DATA, END_STREAM, 1, Buffer.from('m')));
    expect(await reason).toBe('CANCELLED');
    expect(await read).toContain('failed: ');
  });
});

describe('a request behind one that is malformed, on its connection', () => {
  it('is not begun, and the one before hears that the connection has gone', async () => {
    const { all } = raw(`GET /first HTTP/1.1\r\nhost: a\r\n\r\nGET\r\n\r\nGET /third HTTP/1.1\r\nhost: a\r\n\r\n`);
    const first = await seen.take();
    expect(first.path).toBe('/first');
    expect(await first.reason).toBe('PEER_CLOSED');
    await all;
    expect(seen.size).toBe(0);
  });
});

describe('frames of HTTP/2 that may not be', () => {
  const OPEN = frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, GET);

  it.each<[string, Buffer]>([
    ['DATA on a stream that was never opened', frame(TYPE.DATA, 0, 5, Buffer.from('x'))],
    ['DATA on no stream', frame(TYPE.DATA, 0, 0, Buffer.from('x'))],
    ['HEADERS on an even stream', frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 2, GET)],
    ['HEADERS on a stream of the past', frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 1, GET)],
    [
      'HEADERS that can’t be decoded',
      frame(TYPE.HEADERS, END_HEADERS | END_STREAM, 3, Buffer.from([0xff, 0xff, 0xff, 0xff])),
    ],
    ['CONTINUATION of nothing', frame(TYPE.CONTINUATION, END_HEADERS, 1, GET)],
    ['SETTINGS of five bytes', frame(TYPE.SETTINGS, 0, 0, Buffer.alloc(5))],
    ['a PING of five bytes', frame(TYPE.PING, 0, 0, Buffer.alloc(5))],
    ['RST_STREAM on no stream', frame(TYPE.RST_STREAM, 0, 0, uint32(8))],
    ['a window that grows by nothing', frame(TYPE.WINDOW_UPDATE, 0, 0, uint32(0))],
    ['a frame longer than any may be', frame(TYPE.DATA, 0, 1, Buffer.alloc(20_000))],
  ])('%s: end their session, whose call hears PEER_CLOSED', async (_, bad) => {
    const clock = new ManualClock();
    ends.push(clock.restore);
    const session = await RawSession.open(port());
    ends.push(() => session.socket.destroy());
    session.send(OPEN);
    const { reason } = await seen.take();
    session.send(bad);
    // Node 20 tells nobody that it has given a session up: it is asked from time to time whether it is there.
    clock.advance(20_000);
    await Promise.race([clock.armed(5_000), session.gone]);
    clock.advance(5_000);
    await session.gone;
    expect(await reason).toBe('PEER_CLOSED');
  });
});
