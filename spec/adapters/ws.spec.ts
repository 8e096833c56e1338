import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type Conversation, converse, type SocketOptions } from '../../lib/adapters/ws.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, currentToken, reasonOf, snapshot } from '../../lib/core/index.ts';
import { iterate, suspendForever } from '../../lib/task/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { certificate } from '../server/support/certificate.ts';
import { gate, Inbox } from '../server/support/gate.ts';
import { scale } from '../support/soak.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A server whose sockets are put under tokens. */
async function listening(options: SocketOptions = {}, host: http.Server = http.createServer()) {
  await once(host.listen(0, '127.0.0.1'), 'listening');
  const server = new WebSocketServer({ server: host });
  const talks = new Inbox<{ talk: Conversation; socket: WebSocket }>();
  server.on('connection', (socket) => talks.put({ talk: converse(socket, options), socket }));
  ends.push(() => {
    for (const socket of server.clients) socket.terminate();
    return new Promise((resolve) => host.close(resolve));
  });
  return { server, talks, port: (server.address() as AddressInfo).port };
}

async function connected(options: SocketOptions = {}) {
  const { server, talks, port } = await listening(options);
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  ends.push(() => client.terminate());
  await once(client, 'open');
  return { server, client, ...(await talks.take()) };
}

const cancelled = (token: CancellationToken) =>
  new Promise((resolve) => token.onCancel(({ reason }) => resolve(reason)));
const closeCode = async (socket: WebSocket): Promise<number> => (await once(socket, 'close'))[0] as number;

describe('the token of a WebSocket', () => {
  it.each([
    ['closes in order', (client: WebSocket) => client.close(1000)],
    ['is cut off', (client: WebSocket) => client.terminate()],
    // Reserved bits without an extension: the server must fail the connection.
    ['breaks the protocol', (client: WebSocket) => rawOf(client).write(Buffer.from([0xf1, 0x80, 0, 0, 0, 0]))],
  ])('is cancelled with PEER_CLOSED when the peer %s', async (_, leave) => {
    const { client, talk, socket } = await connected();
    client.on('error', () => {});
    const work = talk.start(suspendForever);
    leave(client);
    expect(await cancelled(talk.token)).toBe('PEER_CLOSED');
    expect(await work).toMatchObject({ kind: 'stopped', error: { reason: 'PEER_CLOSED' } });
    expect(await talk.ended).toBe(0);
    expect([talk.token.canBeCancelled, socket.readyState, converse(socket)]).toEqual([true, WebSocket.CLOSED, talk]);
  });

  it('has the error of a peer that breaks the protocol as its cause', async () => {
    const { client, talk } = await connected();
    client.on('error', () => {});
    rawOf(client).write(Buffer.from([0xf1, 0x80, 0, 0, 0, 0]));
    await talk.ended;
    expect(talk.token.error?.cause).toMatchObject({ code: 'WS_ERR_UNEXPECTED_RSV_2_3' });
  });

  it('of a socket that has closed already is cancelled', async () => {
    const { client, talk, socket } = await connected();
    client.close();
    await talk.ended;
    const plain = new WebSocket('ws://127.0.0.1:1');
    plain.on('error', () => {});
    await new Promise((resolve) => plain.on('close', resolve));
    expect(converse(plain).token.reason).toBe('PEER_CLOSED');
    expect(await converse(plain).ended).toBe(0);
    expect(await converse(socket).start(() => expect.unreachable())).toMatchObject({ kind: 'stopped' });
  });

  it('S2-14: each piece of work has its own, which ends without the others', async () => {
    const { talk } = await connected();
    runWithToken(CancellationToken.none, () => {});
    const tokens: CancellationToken[] = [];
    const works = ['a', 'b'].map((id) =>
      talk.start(
        (token) => {
          tokens.push(token, currentToken());
          return suspendForever(token);
        },
        { id },
      ),
    );
    expect([talk.cancel('a'), talk.cancel('a'), talk.cancel('c')]).toEqual([true, false, false]);
    expect(await works[0]).toMatchObject({ kind: 'stopped', error: { reason: 'CANCELLED' } });
    expect(tokens[0]).toBe(tokens[1]);
    expect([tokens[2]?.cancelled, talk.running, talk.token.cancelled]).toEqual([false, 1, false]);
    expect(talk.cancel('b', 'TIMEOUT')).toBe(true);
    expect(await works[1]).toMatchObject({ error: { reason: 'TIMEOUT' } });
    expect(talk.running).toBe(0);
  });

  it('work under an id that is in use takes the place of the other', async () => {
    const { talk } = await connected();
    const first = talk.start(suspendForever, { id: 'a' });
    const second = talk.start(suspendForever, { id: 'a' });
    expect(await first).toMatchObject({
      error: { reason: 'CANCELLED', description: expect.stringContaining('same id') },
    });
    expect(talk.cancel('a')).toBe(true);
    await second;
    expect(talk.cancel('a')).toBe(false);
  });

  it('work begins when that whose id it takes has been told, unless its arguments are bad', async () => {
    const { talk } = await connected();
    const order: string[] = [];
    const subscribe = (n: number) =>
      talk.start(
        (token) => {
          order.push(`begins ${n}`);
          token.onCancel(() => order.push(`leaves ${n}`));
          return suspendForever(token);
        },
        { id: 'a' },
      );
    void subscribe(1);
    expect(() => talk.start(7 as never, { id: 'a' })).toThrow('Expected `task`');
    expect(() => talk.start(suspendForever, { id: 'a', timeout: '1' as never })).toThrow('Expected `timeout`');
    expect(order).toEqual(['begins 1']);
    const second = subscribe(2);
    expect(order).toEqual(['begins 1', 'leaves 1', 'begins 2']);
    expect([second.cancel('TIMEOUT'), second.cancel(), talk.cancel('a')]).toEqual([true, false, false]);
    expect(await second).toMatchObject({ error: { reason: 'TIMEOUT' } });
  });

  it('whoever takes an id last has it, also from within the start of another: no work is left that has lost its name', async () => {
    const { talk } = await connected();
    const id = 'a';
    const first = talk.start(
      (token) => {
        token.onCancel(() => talk.start(suspendForever, { id }));
        return suspendForever(token);
      },
      { id },
    );
    expect(await talk.start(() => expect.unreachable(), { id })).toMatchObject({ error: { reason: 'CANCELLED' } });
    await first;
    expect([talk.running, talk.cancel(id)]).toEqual([1, true]);
    const outer = talk.start(
      (token) => {
        void talk.start(suspendForever, { id });
        return suspendForever(token);
      },
      { id },
    );
    expect(await outer).toMatchObject({ error: { reason: 'CANCELLED' } });
    expect([talk.running, talk.cancel(id)]).toEqual([1, true]);
  });

  it('work has a time of its own', async () => {
    const { talk } = await connected();
    expect(await talk.start(suspendForever, { timeout: 5 })).toMatchObject({ error: { reason: 'TIMEOUT' } });
  });

  it('is, of a client that cannot connect, cancelled with the failure as its cause', async () => {
    const talk = converse(new WebSocket('ws://127.0.0.1:1'));
    expect(await talk.ended).toBe(0);
    expect(talk.token.error).toMatchObject({ reason: 'PEER_CLOSED', cause: { code: 'ECONNREFUSED' } });
  });
});

function rawOf(socket: WebSocket): net.Socket {
  return (socket as unknown as { _socket: net.Socket })._socket;
}

describe('a cancel of the token that was given', () => {
  it.each([
    ['SHUTDOWN', 1001],
    ['CANCELLED', 1000],
    ['TIMEOUT', 1001],
    ['PEER_CLOSED', 1001],
  ] as const)('with %s closes with %i, and tells the peer nothing more', async (reason, code) => {
    const source = new CancellationSource();
    const { client, talk } = await connected({ token: source.token });
    const closed = once(client, 'close');
    source.cancel(reason, { description: 'a secret' });
    const [got, text] = await closed;
    expect([got, String(text)]).toEqual([code, '']);
    expect([await talk.ended, talk.token.reason]).toEqual([0, reason]);
  });

  it('S3-21: is heard by the work first, which may say a last word', async () => {
    const source = new CancellationSource();
    // As long as it takes, and no longer.
    const { client, talk } = await connected({ token: source.token, graceMs: Number.POSITIVE_INFINITY });
    const heard: string[] = [];
    client.on('message', (data) => heard.push(String(data)));
    void talk.start(async (token) => {
      await suspendForever(token).catch(() => undefined);
      await talk.send(`so far, until ${token.reason}`);
    });
    const code = closeCode(client);
    source.cancel('SHUTDOWN');
    expect([await code, heard]).toEqual([1001, ['so far, until SHUTDOWN']]);
    expect(await talk.ended).toBe(0);
  });

  it('waits for work that ignores it no longer than its grace, and says so', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const { client, talk } = await connected({ token: source.token, graceMs: 50, pingMs: Number.POSITIVE_INFINITY });
    const stubborn = gate();
    const work = talk.start(() => stubborn.opened);
    const code = closeCode(client);
    source.cancel('SHUTDOWN');
    await clock.advanceAsync(50);
    expect([await code, await talk.ended]).toEqual([1001, 1]);
    stubborn.open();
    expect(await work).toMatchObject({ kind: 'value' });
  });

  it('cuts the connection of a peer that does not answer the close frame', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const { client, talk, socket } = await connected({ token: source.token, graceMs: 50 });
    client.pause();
    source.cancel('SHUTDOWN');
    while (socket.readyState !== WebSocket.CLOSING) await Promise.resolve();
    await clock.advanceAsync(49);
    // What still comes wins it no time.
    expect(await talk.start(() => expect.unreachable())).toMatchObject({ kind: 'stopped' });
    expect(socket.readyState).toBe(WebSocket.CLOSING);
    await clock.advanceAsync(1);
    expect([await talk.ended, socket.readyState]).toEqual([0, WebSocket.CLOSED]);
  });

  it('during the handshake ends the handshake, and not the process', async () => {
    const silent = net.createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    ends.push(() => new Promise((resolve) => silent.close(resolve)));
    const arrived = once(silent, 'connection');
    const source = new CancellationSource();
    const client = new WebSocket(`ws://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const talk = converse(client, { token: source.token });
    const [peer] = (await arrived) as [net.Socket];
    const left = once(peer.resume(), 'close');
    source.cancel('TIMEOUT');
    expect([await talk.ended, talk.token.reason]).toEqual([0, 'TIMEOUT']);
    await left;
  });

  it('that came before closes at once', async () => {
    const source = new CancellationSource();
    source.cancel('SHUTDOWN');
    const { talks, port } = await listening({ token: source.token });
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    expect(await closeCode(client)).toBe(1001);
    const { talk } = await talks.take();
    expect(await talk.ended).toBe(0);
  });

  it('close() stops the work, and closes with its code', async () => {
    const { client, talk } = await connected();
    const work = talk.start(suspendForever);
    const code = closeCode(client);
    expect([await talk.close(4000), await code]).toEqual([0, 4000]);
    expect(await work).toMatchObject({ error: { reason: 'CANCELLED' } });
  });
});

describe('pings', () => {
  const PING_MS = 30_000;

  it('T-15: a peer that answers is left alone', async () => {
    using clock = fakeClock();
    const { client, talk, socket } = await connected();
    for (let i = 0; i < 5; i++) {
      const answered = once(socket, 'pong');
      await clock.advanceAsync(PING_MS);
      await answered;
    }
    expect([talk.token.cancelled, client.readyState]).toEqual([false, WebSocket.OPEN]);
  });

  it('a peer that is frozen, or vanished without a word, is noticed', async () => {
    using clock = fakeClock();
    const { client, talk } = await connected();
    client.pause();
    const heard = cancelled(talk.token);
    // The second time asks after the answer, a turn of the loop later.
    for (let i = 0; i < 2; i++) {
      await clock.advanceAsync(PING_MS);
      await new Promise(setImmediate);
    }
    expect(await heard).toBe('PEER_CLOSED');
    expect(talk.token.error?.cause).toMatchObject({ message: expect.stringContaining('30000 ms') });
  });

  it('an answer that a blocked loop has yet to read counts', async () => {
    using clock = fakeClock();
    const { client, talk } = await connected();
    const judged = gate();
    client.once('ping', () => {
      // The answer is on its way. The next thing that the loop does is to look at its timers.
      for (const until = performance.now() + 3; performance.now() < until; );
      setTimeout(() => {
        clock.advance(PING_MS);
        setImmediate(() => setImmediate(judged.open));
      }, 1);
    });
    await clock.advanceAsync(PING_MS);
    await judged.opened;
    expect(talk.token.cancelled).toBe(false);
  });

  it('a socket that is not read from is not taken for gone', async () => {
    using clock = fakeClock();
    const { talk, socket } = await connected();
    socket.pause();
    for (let i = 0; i < 4; i++) {
      await clock.advanceAsync(PING_MS);
      await new Promise(setImmediate);
    }
    expect(talk.token.cancelled).toBe(false);
  });

  it('a peer that sends one message slowly gets its time, one that falls silent in the midst of it does not', async () => {
    using clock = fakeClock();
    const { talks, port } = await listening();
    // Nothing of its own goes out: it is in the midst of a message.
    const client = new WebSocket(`ws://127.0.0.1:${port}`, { autoPong: false });
    ends.push(() => client.terminate());
    await once(client, 'open');
    const { talk, socket } = await talks.take();
    const step = async () => {
      await clock.advanceAsync(PING_MS);
      await new Promise(setImmediate);
    };
    // A whole binary message of 127 bytes, with a mask that changes nothing.
    for (const part of [[0x82, 0xfe, 0, 127, 0, 0, 0, 0], [1], [2], [3], [4]]) {
      const came = once(rawOf(socket), 'data');
      rawOf(client).write(Buffer.from(part));
      await came;
      await step();
    }
    expect(talk.token.cancelled).toBe(false);
    await step();
    expect(talk.token.reason).toBe('PEER_CLOSED');
  });

  it.each([
    ['ws', () => http.createServer()],
    ['wss', () => https.createServer(certificate())],
  ])(
    'a peer that reads slowly is left alone, though one message takes long and ever more is sent: %s',
    async (scheme, host) => {
      using clock = fakeClock();
      const { talks, port } = await listening({}, host());
      const client = new WebSocket(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false });
      ends.push(() => client.terminate());
      await once(client, 'open');
      const { talk, socket } = await talks.take();
      client.pause();
      const sending = [talk.send(Buffer.alloc(64 << 20))];
      type Handle = { writeQueueSize: number; _parent?: Handle };
      const { _handle } = rawOf(socket) as unknown as { _handle: Handle };
      const left = () => (_handle._parent ?? _handle).writeQueueSize;
      while (left() === 0) await new Promise(setImmediate);
      for (let i = 0; i < 5; i++) {
        const before = [left(), socket.bufferedAmount] as const;
        sending.push(talk.send(Buffer.alloc(1 << 20)));
        while (left() === before[0]) {
          client.resume();
          await new Promise(setImmediate);
          client.pause();
        }
        await clock.advanceAsync(PING_MS);
        await new Promise(setImmediate);
        expect([talk.token.cancelled, socket.bufferedAmount > before[1]]).toEqual([false, true]);
      }
      client.terminate();
      expect(await Promise.all(sending).catch(reasonOf)).toBe('PEER_CLOSED');
    },
  );

  it('a peer that reads slowly gets its time, one that reads no more does not', async () => {
    using clock = fakeClock();
    const { client, talk, socket } = await connected();
    client.pause();
    const sending = Promise.all(Array.from({ length: 64 }, () => talk.send(Buffer.alloc(1 << 20)))).catch(reasonOf);
    while (socket.bufferedAmount === 0) await new Promise(setImmediate);
    const step = async () => {
      await clock.advanceAsync(PING_MS);
      await new Promise(setImmediate);
    };
    await step();
    const queued = socket.bufferedAmount;
    client.on('message', () => client.pause());
    while (socket.bufferedAmount === queued) {
      client.resume();
      await new Promise(setImmediate);
    }
    await step();
    expect(talk.token.cancelled).toBe(false);
    while (!talk.token.cancelled) await step();
    expect([talk.token.reason, await sending]).toEqual(['PEER_CLOSED', 'PEER_CLOSED']);
  });
});

describe('send', () => {
  it('resolves when the network has taken the message, at the pace of the peer', async () => {
    const { client, talk } = await connected();
    client.pause();
    let sent = 0;
    const chunk = Buffer.alloc(1 << 20);
    const sending = talk.start(async (token) => {
      for (; sent < 200; sent++) {
        token.throwIfCancelled();
        await talk.send(chunk);
      }
    });
    let before = -1;
    // Until nothing more goes out.
    for (let still = 0; still < 50; still = sent === before ? still + 1 : 0) {
      before = sent;
      await new Promise(setImmediate);
    }
    expect(sent).toBeLessThan(200);
    client.terminate();
    expect(await sending).toMatchObject({ kind: 'stopped', error: { reason: 'PEER_CLOSED' } });
  });

  it('rejects with the reason when the socket has closed, and at once before it is open', async () => {
    const { client, talk } = await connected();
    client.terminate();
    await talk.ended;
    await expect(talk.send('late')).rejects.toBe(talk.token.error);
    const early = new WebSocket(client.url);
    const own = converse(early);
    await expect(own.send('early')).rejects.toThrow("wait for its 'open'");
    await own.close();
  });
});

describe('bad input', () => {
  it.each([
    ['socket', () => converse({} as never)],
    ['socket', () => converse(undefined as never)],
    [
      'options',
      () =>
        converse(
          new WebSocket('ws://127.0.0.1:1').on('error', () => {}),
          7 as never,
        ),
    ],
    [
      'token',
      () =>
        converse(
          new WebSocket('ws://127.0.0.1:1').on('error', () => {}),
          { token: 7 as never },
        ),
    ],
    [
      'graceMs',
      () =>
        converse(
          new WebSocket('ws://127.0.0.1:1').on('error', () => {}),
          { graceMs: -1 },
        ),
    ],
    [
      'pingMs',
      () =>
        converse(
          new WebSocket('ws://127.0.0.1:1').on('error', () => {}),
          { pingMs: 0 },
        ),
    ],
    [
      'pingMs',
      () =>
        converse(
          new WebSocket('ws://127.0.0.1:1').on('error', () => {}),
          { pingMs: '5' as never },
        ),
    ],
  ])('names `%s`', (name, call) => {
    expect(call).toThrow(`Expected \`${name}\``);
  });

  it('of a conversation is named at the call', async () => {
    const { talk } = await connected();
    expect(() => talk.close(1005)).toThrow('Expected `code`');
    for (const code of ['x', '4000', 3000.5, null]) {
      expect(() => talk.close(code as never)).toThrow('Expected `code`');
    }
    for (const data of [undefined, null, 7, {}]) expect(() => talk.send(data as never)).toThrow('Expected `data`');
    expect(() => talk.start(suspendForever, null as never)).toThrow('Expected `options`');
    expect(() => talk.start(7 as never)).toThrow('Expected `task`');
    expect(() => talk.start(suspendForever, { id: 7 as never })).toThrow('Expected `id`');
    expect(talk.running).toBe(0);
  });
});

describe('T-15: after many messages', () => {
  const MANY = 10_000 * scale;

  it('none was cancelled, and nothing is left on the token that was given', async () => {
    const shutdown = new CancellationSource();
    const { server, talks, port } = await listening({ token: shutdown.token });
    let falseCancels = 0;
    const clients = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = new WebSocket(`ws://127.0.0.1:${port}`);
        await once(client, 'open');
        const { talk, socket } = await talks.take();
        socket.on('message', (data) =>
          talk.start(async (token) => {
            await Promise.resolve();
            if (token.cancelled) falseCancels++;
            await talk.send(data as Buffer);
          }),
        );
        return { client, talk };
      }),
    );
    await Promise.all(
      clients.map(async ({ client }) => {
        for (let i = 0; i < MANY / 20; i++) {
          client.send(`${i}`);
          const [data] = await once(client, 'message');
          if (String(data) !== `${i}`) expect.fail(`got ${data}, expected ${i}`);
        }
      }),
    );
    expect(falseCancels).toBe(0);
    expect(clients.flatMap(({ talk }) => [talk.running, snapshot(talk.token).children.length])).toEqual(
      Array(40).fill(0),
    );
    await Promise.all(clients.map(({ talk }) => talk.close()));
    expect(snapshot(shutdown.token)).toMatchObject({ callbacks: 0, children: [] });
    while (server.clients.size > 0) await new Promise(setImmediate);
  }, 120_000);

  it('nothing is kept of work that has ended', async () => {
    const { talk } = await connected();
    const kept = await (async () => {
      const value = { large: true };
      await talk.start(() => value, { id: 'a' });
      return new WeakRef(value);
    })();
    await new Promise(setImmediate);
    gc!();
    expect(kept.deref()).toBeUndefined();
  });

  it('sockets that came and went leave nothing on the token that was given', async () => {
    const shutdown = new CancellationSource();
    const { talks, port } = await listening({ token: shutdown.token });
    for (let i = 0; i < 100; i++) {
      const client = new WebSocket(`ws://127.0.0.1:${port}`);
      await once(client, 'open');
      const { talk } = await talks.take();
      if (i % 2) client.terminate();
      else client.close();
      await talk.ended;
    }
    expect(snapshot(shutdown.token)).toMatchObject({ callbacks: 0, children: [] });
  });
});

it('S2-04: news are sent to each subscriber until it says never mind', async () => {
  const { client, talk, socket } = await connected();
  const left = gate<string>();
  async function* news() {
    try {
      for (let n = 1; ; n++) {
        yield `news ${n}`;
        await new Promise(setImmediate);
      }
    } finally {
      left.open('the source has returned');
    }
  }
  socket.on('message', (data) => {
    const { id, type } = JSON.parse(String(data));
    if (type === 'stop') talk.cancel(id);
    else
      void talk.start(
        async (token) => {
          for await (const item of iterate(news(), token)) await talk.send(item);
        },
        { id },
      );
  });
  const enough = gate();
  client.on('message', (data) => String(data) === 'news 3' && enough.open());
  client.send(JSON.stringify({ type: 'start', id: 'n' }));
  await enough.opened;
  client.send(JSON.stringify({ type: 'stop', id: 'n' }));
  expect([await left.opened, client.readyState]).toEqual(['the source has returned', WebSocket.OPEN]);
});
