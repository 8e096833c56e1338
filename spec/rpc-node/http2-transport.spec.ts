import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, reasonOf, snapshot } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import { LINGER_MS, type RpcError } from '../../lib/rpc/index.ts';
import { type Http2Transport, type Http2TransportOptions, http2Transport } from '../../lib/rpc-node/index.ts';
import { END_STREAM, seal } from '../../lib/wire/index.ts';
import { Counter, numbers } from '../rpc/support/counter.ts';
import { Greeter, settled } from '../rpc/support/greeter.ts';
import { useManualClock } from '../rpc/support/manual-clock.ts';
import { scale } from '../support/soak.ts';
import { useRawServer } from './support/raw-server.ts';

const CALLS = 10_000 * scale;
/** The head of a frame, and a code. */
const RST_STREAM_BYTES = 9 + 4;

const rawServer = useRawServer();
const transports: Http2Transport[] = [];
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

function clientOf(options: Http2TransportOptions) {
  const transport = http2Transport(options);
  transports.push(transport);
  return { transport, client: createClient(Greeter, { transport }) };
}

async function connected(options: Partial<Http2TransportOptions> = {}) {
  const { server, baseUrl } = await rawServer();
  return { server, baseUrl, ...clientOf({ baseUrl, ...options }) };
}

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

const ada = { name: 'Ada' };
const hello = { greeting: 'hello' };

describe('a call over HTTP/2', () => {
  it('is one stream with all its headers and its body in one piece', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const response = client.greet({ name: 'Zoë' }, { headers: { 'X-Trace': '7' } });
    const call = await arrived;
    expect(call.headers).toMatchObject({
      ':method': 'POST',
      ':path': '/demo.v1.Greeter/greet',
      ':scheme': 'http',
      'content-type': 'application/json',
      'content-length': '15',
      'connect-protocol-version': '1',
      'x-trace': '7',
    });
    expect(await call.body).toBe('{"name":"Zoë"}');
    call.answer();
    expect(await response).toEqual(hello);
  });

  it('goes below the path of the base URL', async () => {
    const { server, baseUrl } = await rawServer();
    await clientOf({ baseUrl: `${baseUrl}/api/` }).client.greet(ada);
    expect(server.seen[0]?.headers[':path']).toBe('/api/demo.v1.Greeter/greet');
  });

  it('opens no connection before, and shares one with all others', async () => {
    const { server, client } = await connected();
    expect(server.sockets).toEqual([]);
    for (let call = 0; call < 10; call++) await client.greet(ada);
    await Promise.all(Array.from({ length: 50 }, () => client.greet(ada)));
    expect([server.sockets.length, server.seen.length]).toEqual([1, 60]);
  });

  it('takes an answer in pieces, and one whose length nobody announced', async () => {
    const { server, client } = await connected();
    server.onCall = ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.write('{"greeting":');
      setImmediate(() => stream.end('"hello"}'));
    };
    expect(await client.greet(ada)).toEqual(hello);
  });

  it.each([
    [503, undefined, 'unavailable'],
    [404, undefined, 'unimplemented'],
    [404, { code: 'not_found', message: 'who?' }, 'not_found'],
  ])('takes the error %d with the body %j', async (status, body, code) => {
    const { server, client } = await connected();
    server.onCall = (call) => {
      if (body !== undefined) call.answer(body, { ':status': status, 'x-hint': 'b' });
      else call.stream.respond({ ':status': status, 'x-hint': 'b' }, { endStream: true });
    };
    expect(await failure(client.greet(ada))).toMatchObject({ code, metadata: { 'x-hint': 'b' }, remote: true });
  });

  it('gives up on an answer over the limit, and tells the peer', async () => {
    const { server, client } = await connected({ maxBodyBytes: 100 });
    server.onCall = ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.write('x'.repeat(101));
    };
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'resource_exhausted' });
    expect(await server.seen[0]?.reset).toBe(8);
  });

  it('unpacks an answer however much it may hold', async () => {
    const { server, client } = await connected({ maxBodyBytes: Number.POSITIVE_INFINITY });
    server.onCall = ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-encoding': 'gzip' });
      stream.end(gzipSync('{"greeting":"hello"}'));
    };
    expect(await client.greet(ada)).toEqual(hello);
  });

  it('with headers larger than can be sent is refused here, once, and the connection stays', async () => {
    const { server, client } = await connected();
    await client.greet(ada);
    const error = await failure(client.greet(ada, { headers: { 'x-large': 'x'.repeat(70_000) } }));
    expect(error).toMatchObject({ code: 'resource_exhausted', neverProcessed: true, remote: false });
    expect(await client.greet(ada)).toEqual(hello);
    expect([server.seen.length, server.sockets.length]).toEqual([2, 1]);
  });

  it('names no query of a GET in its errors, as that is the request', async () => {
    const { server, transport } = await connected();
    const client = createClient(Counter, { transport, useGet: true });
    server.onCall = ({ stream }) => stream.close(2);
    const { message } = await failure(client.double({ n: 4711 }));
    expect(server.seen[0]?.headers[':path']).toContain('4711');
    expect(message).toBe('Call to /demo.v1.Counter/double: the peer reset it with INTERNAL_ERROR.');
  });

  it('gives up on an answer in an encoding that it did not ask for', async () => {
    const { server, client } = await connected();
    server.onCall = (call) => call.answer(hello, { 'content-encoding': 'br' });
    expect((await failure(client.greet(ada))).message).toBe(
      'Expected an answer in gzip or without encoding, got `br`.',
    );
  });

  it('refuses a base URL that is none, and a limit that is none', () => {
    expect(() => http2Transport({ baseUrl: 'localhost:80' })).toThrow('Expected `baseUrl` to be a URL');
    expect(() => http2Transport({ baseUrl: 'http://a', maxBodyBytes: Number.NaN })).toThrow(RangeError);
  });
});

describe('a cancel over HTTP/2', () => {
  it('S0-17, S1-03: is RST_STREAM with code 8 on the wire', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token });
    const call = await arrived;
    source.cancel();
    expect(await failure(response)).toMatchObject({ code: 'canceled', cause: source.token.error });
    expect(await call.reset).toBe(8);
  });

  it('S0-16, E25: has reset the stream before any later callback runs and before the caller is told', async () => {
    const { server, client } = await connected();
    await client.greet(ada);
    const arrived = server.next();
    const log: string[] = [];
    const source = new CancellationSource();
    const restore = spyOnReset((code) => log.push(`RST ${code}`));
    const response = client.greet(ada, { token: source.token }).catch(() => log.push('caller'));
    source.token.onCancel(() => log.push('callback'));
    source.token.signal.addEventListener('abort', () => log.push('abort event'));
    await arrived;
    source.cancel();
    await response;
    restore();
    expect(log).toEqual(['RST 8', 'callback', 'abort event', 'caller']);
  });

  it('S0-16, E25: has left for the peer before anything unwinds here', async () => {
    const sockets: net.Socket[] = [];
    const createConnection = ({ hostname, port }: URL) => {
      const socket = net.connect(Number(port), hostname);
      sockets.push(socket);
      return socket;
    };
    const { server, client } = await connected({ session: { createConnection } });
    await client.greet(ada);
    const written = () => sockets[0]?.bytesWritten ?? 0;
    const arrived = server.next();
    const source = new CancellationSource();
    const told = client.greet(ada, { token: source.token }).catch(written);
    await (await arrived).body;
    const before = written();
    source.cancel();
    expect(Number(await told) - before).toBe(RST_STREAM_BYTES);
  });

  it('S1-08: carries no text of the canceller, in no frame', async () => {
    const { server, client } = await connected();
    const bytes: string[] = [];
    server.server.on('connection', (socket) =>
      socket.prependListener('data', (chunk: Buffer) => bytes.push(chunk.toString('latin1'))),
    );
    const arrived = server.next();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token });
    const call = await arrived;
    source.cancel('CANCELLED', { description: 'user closed the tab', cause: new Error('SECRET') });
    expect((await failure(response)).message).toContain('user closed the tab');
    expect(await call.reset).toBe(8);
    expect(JSON.stringify(call.headers) + bytes.join('')).not.toMatch(/tab|SECRET/);
  });

  it('S0-19: leaves the other streams of the connection alone', async () => {
    const { server, client } = await connected();
    const [first, second] = [server.next(), server.next()];
    const source = new CancellationSource();
    const one = client.greet(ada, { token: source.token });
    const other = client.greet(ada);
    await first;
    const sibling = await second;
    source.cancel();
    expect(await failure(one)).toMatchObject({ code: 'canceled' });
    await (await first).reset;
    expect([sibling.stream.aborted, sibling.stream.closed]).toEqual([false, false]);
    sibling.answer();
    expect(await other).toEqual(hello);
    expect(server.sockets).toHaveLength(1);
  });

  it('S0-15: while the connection is being made, means that nothing is sent on it', async () => {
    const { server, client } = await connected();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token });
    source.cancel();
    expect(await failure(response)).toMatchObject({ code: 'canceled' });
    await client.greet(ada);
    expect(server.seen).toHaveLength(1);
  });

  it('in the very tick of the call resets as well, however often, and the session lives', async () => {
    const { server, client } = await connected();
    await client.greet(ada);
    server.onCall = () => {};
    for (let round = 0; round < 50; round++) {
      const source = new CancellationSource();
      const response = client.greet(ada, { token: source.token });
      source.cancel();
      expect(await failure(response)).toMatchObject({ code: 'canceled' });
    }
    server.onCall = (call) => call.answer();
    expect(await client.greet(ada)).toEqual(hello);
    expect(server.sockets).toHaveLength(1);
  });

  it('in the middle of a long upload resets, and the peer gets no end of a body that is not whole', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const source = new CancellationSource();
    const response = client.greet({ name: 'a'.repeat(1_000_000) }, { token: source.token });
    const call = await arrived;
    call.stream.pause();
    source.cancel();
    expect(await failure(response)).toMatchObject({ code: 'canceled' });
    expect(await call.reset).toBe(8);
    expect(call.stream.state.remoteClose).not.toBe(1);
  });

  it('in the middle of the answer resets', async () => {
    const { server, client } = await connected();
    const source = new CancellationSource();
    server.onCall = ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.write('{"greeting":', () => source.cancel());
    };
    expect(await failure(client.greet(ada, { token: source.token }))).toMatchObject({ code: 'canceled' });
    expect(await server.seen[0]?.reset).toBe(8);
  });

  it('S0-12, S1-16: after the answer resets nothing', async () => {
    const { server, client } = await connected();
    const source = new CancellationSource();
    await client.greet(ada, { token: source.token });
    source.cancel();
    await client.greet(ada);
    expect(server.seen.map(({ stream }) => stream.aborted)).toEqual([false, false]);
  });
});

/** Hears of every reset that this process asks for, as it asks for it. */
function spyOnReset(heard: (code: number | undefined) => void): () => void {
  const session = http2.connect('http://127.0.0.1:1');
  session.on('error', () => {});
  const stream = session.request({});
  stream.on('error', () => {});
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf(stream)) as { close(code?: number): void };
  const { close } = prototype;
  prototype.close = function (code) {
    heard(code);
    return close.call(this, code);
  };
  return () => {
    prototype.close = close;
  };
}

describe('a deadline over HTTP/2', () => {
  const time = useManualClock();

  it('S1-19, S0-04: ends the call at once, and resets a stream that the peer leaves open', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const response = client.greet(ada, { timeout: 300 });
    const call = await arrived;
    expect(call.headers['connect-timeout-ms']).toBe('300');
    time().advance(300);
    const error = await failure(response);
    expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'TIMEOUT' });
    expect(reasonOf(error)).toBe('TIMEOUT');
    await settled();
    expect(call.stream.aborted).toBe(false);
    time().advance(LINGER_MS);
    expect(await call.reset).toBe(8);
  });

  it('S1-23: is left to a peer that answers it by itself: nothing is reset', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const response = failure(client.greet(ada, { timeout: 300 }));
    const call = await arrived;
    time().advance(300);
    expect(await response).toMatchObject({ code: 'deadline_exceeded', remote: false });
    call.answer({ code: 'deadline_exceeded' }, { ':status': 504 });
    await once(call.stream, 'close');
    time().advance(LINGER_MS);
    await client.greet(ada);
    expect([call.stream.aborted, call.stream.rstCode, server.sockets.length]).toEqual([false, 0, 1]);
  });

  it('does not excuse a TIMEOUT that somebody declares before it: the peer cannot know of it', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const source = new CancellationSource({ timeout: 300 });
    const response = failure(client.greet(ada, { token: source.token }));
    const call = await arrived;
    source.cancel('TIMEOUT');
    expect(await response).toMatchObject({ code: 'deadline_exceeded' });
    expect(await call.reset).toBe(8);
  });

  it('S1-20: is told as what remains when the connection stands, not when it was asked for', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const response = client.greet(ada, { timeout: 300 });
    time().advance(100);
    const call = await arrived;
    expect(call.headers['connect-timeout-ms']).toBe('200');
    call.answer();
    await response;
  });

  it('S1-22: CANCELLED by a peer whose clock is ahead is reported as the deadline', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const source = new CancellationSource({ timeout: 300 });
    const response = client.greet(ada, { token: source.token });
    const { stream, body } = await arrived;
    await body;
    // The clock has passed the deadline, but its timer has not come round yet.
    const { now } = time();
    time().now = () => now.call(time()) + 300;
    stream.close(8);
    const error = await failure(response);
    expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'TIMEOUT' });
    expect(error.message).toContain('timed out after 300 ms: ');
    expect(error.cause).toBe(source.token.error);
  });
});

describe('a stream that the peer resets', () => {
  it.each([
    [0, 'canceled', 'CANCELLED'],
    [1, 'internal', undefined],
    [2, 'internal', undefined],
    [8, 'canceled', 'CANCELLED'],
    [11, 'resource_exhausted', undefined],
    [12, 'permission_denied', undefined],
  ])('S1-24: with code %d is %s', async (rst, code, reason) => {
    const { server, client } = await connected();
    server.onCall = ({ stream }) => stream.close(rst);
    const error = await failure(client.greet(ada));
    expect(error).toMatchObject({ code, neverProcessed: false, remote: true });
    expect([error.reason, server.seen.length]).toEqual([reason, 1]);
  });

  it('with code 0 in the middle of the answer is canceled, and not what has come so far', async () => {
    const { server, client } = await connected();
    server.onCall = ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      // Whole JSON, so that only the missing END_STREAM tells.
      stream.write('{"greeting":"hello"}', () => stream.destroy());
    };
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'canceled' });
  });

  it('S1-24: with REFUSED_STREAM is sent again, once, on the same session', async () => {
    const { server, client } = await connected();
    await client.greet(ada);
    server.onCall = (call) => (server.seen.length === 2 ? call.stream.close(7) : call.answer());
    expect(await client.greet(ada)).toEqual(hello);
    expect([server.seen.length, server.sockets.length]).toEqual([3, 1]);
  });

  it('S1-24: with REFUSED_STREAM twice is unavailable, never processed', async () => {
    const { server, client } = await connected();
    await client.greet(ada);
    server.onCall = ({ stream }) => stream.close(7);
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable', neverProcessed: true });
    expect(server.seen).toHaveLength(3);
  });

  it('with REFUSED_STREAM is not sent again when it was cancelled meanwhile', async () => {
    const { server, client } = await connected();
    await client.greet(ada);
    const source = new CancellationSource();
    server.onCall = ({ stream }) => {
      stream.close(7);
      source.cancel();
    };
    expect(await failure(client.greet(ada, { token: source.token }))).toMatchObject({ code: 'canceled' });
    await client.greet.start(ada).cancel();
    expect(server.seen).toHaveLength(2);
  });
});

describe('a connection', () => {
  it('that nobody accepts is unavailable, never processed', async () => {
    const { server, client } = await connected();
    server.close();
    await once(server.server, 'close');
    const error = await failure(client.greet(ada));
    expect(error).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED', neverProcessed: true });
    expect(error.message).toMatch(/^The connection to http:\/\/127\.0\.0\.1:\d+ failed: ECONNREFUSED\.$/);
  });

  it('that Node does not even begin is unavailable, and leaves nothing on the token', async () => {
    const source = new CancellationSource();
    const broken = () => {
      throw new Error('no proxy');
    };
    const { client } = clientOf({ baseUrl: 'http://127.0.0.1:1', session: { createConnection: broken } });
    const error = await failure(client.greet(ada, { token: source.token }));
    expect(error).toMatchObject({ code: 'unavailable', neverProcessed: true, cause: new Error('no proxy') });
    expect(error.message).toContain('could not begin a connection: no proxy');
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
  });

  it.each([
    ['ended', (socket: { end(): void }) => socket.end()],
    ['destroyed', (socket: { destroy(): void }) => socket.destroy()],
    ['reset', (socket: { resetAndDestroy(): void }) => socket.resetAndDestroy()],
  ])(
    'S1-02: that is %s under a call is unavailable, perhaps processed; the next call makes a new one',
    async (_, cut) => {
      const { server, client } = await connected();
      const arrived = server.next();
      const response = client.greet(ada);
      await arrived;
      cut(server.sockets[0] as never);
      expect(await failure(response)).toMatchObject({
        code: 'unavailable',
        reason: 'PEER_CLOSED',
        neverProcessed: false,
        remote: false,
      });
      expect(await client.greet(ada)).toEqual(hello);
      expect(server.sockets).toHaveLength(2);
    },
  );

  it.each(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED'])(
    'that stood, and is lost with %s, leaves calls that were perhaps processed: they are not sent again',
    async (code) => {
      const sockets: net.Socket[] = [];
      const { server, client } = await connected({
        session: {
          createConnection: ({ port }) => {
            const socket = net.connect(Number(port), '127.0.0.1');
            sockets.push(socket);
            return socket;
          },
        },
      });
      const arrived = server.next();
      const outcome = failure(client.greet(ada));
      await arrived;
      sockets[0]?.destroy(Object.assign(new Error(`read ${code}`), { code, syscall: 'read' }));
      expect(await outcome).toMatchObject({ code: 'unavailable', neverProcessed: false });
      expect(server.seen).toHaveLength(1);
    },
  );

  it('that is cut in the middle of an answer is unavailable, and not what has come so far', async () => {
    const { server, client } = await connected();
    server.onCall = ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/json' });
      stream.write('{"greeting":"hello"}', () => server.sockets[0]?.destroy());
    };
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED' });
  });

  it('whose session the server destroys ends without a response and without an error: unavailable', async () => {
    const { server, client } = await connected();
    server.onCall = ({ session }) => session.destroy();
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED' });
  });

  it('to something that does not speak HTTP/2 is unavailable', async () => {
    const { server, client } = await connected();
    server.server
      .removeAllListeners('connection')
      .on('connection', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable' });
  });
});

describe('GOAWAY', () => {
  it('E26: lets the calls finish that were accepted; the next one goes to a fresh session', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const response = client.greet(ada);
    const call = await arrived;
    call.session.close();
    const next = await client.greet(ada);
    call.answer();
    expect([await response, next, server.sockets.length]).toEqual([hello, hello, 2]);
  });

  it('leaves a call on the fresh session its second chance', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const response = client.greet(ada);
    const call = await arrived;
    call.session.close();
    // The client has heard it: Node says GOAWAY in return.
    await once(call.session, 'goaway');
    server.onCall = (call) => (server.seen.length === 2 ? call.stream.close(7) : call.answer());
    expect(await client.greet(ada)).toEqual(hello);
    call.answer();
    await response;
  });

  it('with an error ends the calls under way, and those above its last stream begin again elsewhere', async () => {
    const { server, client } = await connected();
    const [first, second, third] = [server.next(), server.next(), server.next()];
    const responses = [1, 2, 3].map(() => client.greet(ada));
    const [one] = [await first, await second, await third];
    one.session.goaway(2, one.stream.id);
    expect(await failure(responses[0] as Promise<unknown>)).toMatchObject({
      code: 'unavailable',
      neverProcessed: false,
    });
    expect(await Promise.all(responses.slice(1))).toEqual([hello, hello]);
    expect(server.seen).toHaveLength(5);
  });

  it(`T-06: every 97 calls, ${CALLS} calls long, loses none and runs none twice`, async () => {
    const { server, client } = await connected();
    const ran = new Map<string, number>();
    server.onCall = async (call) => {
      const { name } = JSON.parse(await call.body);
      ran.set(name, (ran.get(name) ?? 0) + 1);
      if (ran.size % 97 === 0) call.session.close();
      call.answer();
    };
    const names = Array.from({ length: CALLS }, (_, index) => `n${index}`);
    const caller = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop())
        expect(await client.greet({ name })).toEqual(hello);
    };
    await Promise.all(Array.from({ length: 16 }, caller));
    expect([ran.size, Math.max(...ran.values())]).toEqual([CALLS, 1]);
    expect(server.sockets.length).toBeGreaterThan(CALLS / 97 / 2);
  });
});

describe('the budget of resets', () => {
  it('T-02: 1,600 fast cancels end no session, and a call beside them lives', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const bystander = client.greet(ada);
    const held = await arrived;
    server.onCall = () => {};
    for (let round = 0; round < 100; round++) {
      const source = new CancellationSource();
      const calls = Array.from({ length: 16 }, () => failure(client.greet(ada, { token: source.token })));
      await new Promise(setImmediate);
      source.cancel();
      for (const error of await Promise.all(calls)) expect(error.code).toBe('canceled');
    }
    held.answer();
    expect(await bystander).toEqual(hello);
    expect(server.sockets.length).toBeGreaterThan(2);
    expect(server.sessions.filter((session) => session.destroyed && session === held.session)).toEqual([]);
  });

  it('T-02: 2,500 calls in flight, cancelled at once, end no session either', async () => {
    const { server, client } = await connected();
    const arrived = server.next();
    const bystander = client.greet(ada);
    const held = await arrived;
    server.onCall = () => {};
    const source = new CancellationSource();
    const calls = Array.from({ length: 2_500 }, () => failure(client.greet(ada, { token: source.token })));
    while (server.seen.length < 2_501) await new Promise(setImmediate);
    source.cancel();
    expect(new Set((await Promise.all(calls)).map(({ code }) => code))).toEqual(new Set(['canceled']));
    await Promise.all(server.seen.slice(1).map(({ reset }) => reset));
    held.answer();
    expect(await bystander).toEqual(hello);
  });
});

describe('a server that takes few calls at a time', () => {
  async function few(limit: number) {
    const { server, client, transport } = await connected();
    server.server.updateSettings({ maxConcurrentStreams: limit });
    return { server, client, counter: createClient(Counter, { transport }) };
  }

  it('gets a burst of them all the same, before it has said so, on one connection', async () => {
    const { server, client } = await few(3);
    expect(await Promise.all(Array.from({ length: 30 }, () => client.greet(ada)))).toEqual(Array(30).fill(hello));
    expect([server.seen.length, server.sockets.length]).toEqual([30, 1]);
  });

  it('gets streams of requests only when it has', async () => {
    const { server, counter } = await few(3);
    server.onCall = ({ stream }) => {
      stream.respond({ ':status': 200, 'content-type': 'application/connect+json' });
      stream.on('end', () =>
        stream.end(Buffer.concat([seal(0, Buffer.from('{"n":1}')), seal(END_STREAM, Buffer.from('{}'))])),
      );
    };
    const sums = Array.from({ length: 30 }, () => counter.sum(numbers(2)));
    expect(await Promise.all(sums)).toEqual(Array(30).fill({ n: 1 }));
  });

  it('may go while calls wait for their turn: they begin again elsewhere', async () => {
    const { server, client } = await few(3);
    await client.greet(ada);
    const arrived = server.next();
    const responses = Array.from({ length: 12 }, () => client.greet(ada));
    const first = await arrived;
    first.session.close();
    first.answer();
    expect(await Promise.all(responses)).toEqual(Array(12).fill(hello));
    expect(server.sockets).toHaveLength(2);
  });
});

describe('connections', () => {
  it('answer other calls while much of what was asked is not sent yet', async () => {
    const { server, client } = await connected();
    await client.greet(ada);
    // One call that is not read is not to hold up the requests of all.
    server.sessions[0]?.setLocalWindowSize(1 << 20);
    const large = { name: 'x'.repeat(6_000_000) };
    const arrived = [server.next(), server.next(), server.next()];
    const responses = [1, 2, 3].map(() => client.greet(large));
    const calls = await Promise.all(arrived);
    for (const { stream } of calls) stream.pause();
    server.onCall = (call) => call.answer();
    expect(await client.greet(ada)).toEqual(hello);
    for (const call of calls) {
      call.stream.resume();
      void call.body.then(() => call.answer());
    }
    expect(await Promise.all(responses)).toEqual([hello, hello, hello]);
  });

  it('that a rush of calls has opened go when it is over, all but one', async () => {
    const { server, client } = await connected();
    server.onCall = () => {};
    const calls = Array.from({ length: 2_000 }, () => client.greet(ada));
    while (server.seen.length < 2_000) await new Promise(setImmediate);
    expect(server.sessions).toHaveLength(3);
    const closed = server.sessions.slice(0, 2).map((session) => once(session, 'close'));
    for (const call of server.seen) call.answer();
    await Promise.all([...calls, ...closed]);
    server.onCall = (call) => call.answer();
    await client.greet(ada);
    expect(server.sessions.map(({ destroyed }) => destroyed)).toEqual([true, true, false]);
  });

  it('keep nothing on a token that many calls are made with', async () => {
    const { client } = await connected();
    const source = new CancellationSource();
    for (let call = 0; call < 100; call++) await client.greet(ada, { token: source.token });
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
  });
});

describe('close', () => {
  it('lets calls finish, takes no new ones, and can be asked for again', async () => {
    const { server, client, transport } = await connected();
    const arrived = server.next();
    const response = client.greet(ada);
    const call = await arrived;
    const closed = transport.close();
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'unavailable', neverProcessed: true });
    call.answer();
    expect(await response).toEqual(hello);
    await Promise.all([closed, transport.close()]);
    expect(server.sockets).toHaveLength(1);
  });

  it('before the first call, and with an idle connection, is done at once', async () => {
    const { client, transport } = await connected();
    await clientOf({ baseUrl: 'http://127.0.0.1:1' }).transport.close();
    await client.greet(ada);
    await transport.close();
  });

  it('while the connection is being made lets its calls have their turn', async () => {
    const { client, transport } = await connected();
    const response = client.greet(ada);
    const closed = transport.close();
    expect(await response).toEqual(hello);
    await closed;
  });
});
