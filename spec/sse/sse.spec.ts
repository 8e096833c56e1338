import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EventSource } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, reasonOf, setClock, snapshot } from '../../lib/core/index.ts';
import { serve, tokenOf, type WebHandler } from '../../lib/server/index.ts';
import { type EventStreamOptions, eventStream, type ServerSentEvent } from '../../lib/sse.ts';
import { suspendForever } from '../../lib/task/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { certificate } from '../server/support/certificate.ts';
import { gate } from '../server/support/gate.ts';
import { connect, PROTOCOLS } from '../server/support/peers.ts';
import { scale } from '../support/soak.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function* events(...list: ServerSentEvent[]): AsyncGenerator<ServerSentEvent> {
  yield* list;
}

const silent = () => eventStream((token) => waiting(token));
async function* waiting(token: CancellationToken): AsyncGenerator<ServerSentEvent> {
  yield await suspendForever(token);
}

describe('what is sent', () => {
  it('is a stream of events that nobody keeps or holds back, open at once', async () => {
    const response = eventStream(events(), { headers: { 'x-own': '1' } });
    expect([response.status, Object.fromEntries(response.headers)]).toEqual([
      200,
      {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        'x-own': '1',
      },
    ]);
    expect(await response.text()).toBe(':\n\n');
  });

  it.each<[string, ServerSentEvent, string]>([
    ['text', { data: 'a' }, 'data: a\n\n'],
    ['text of several lines, by whatever they end', { data: 'a\nb\r\nc\rd' }, 'data: a\ndata: b\ndata: c\ndata: d\n\n'],
    ['no text', { data: '' }, 'data: \n\n'],
    ['JSON', { data: { n: 1, text: 'a\nb' } }, 'data: {"n":1,"text":"a\\nb"}\n\n'],
    ['nothing', { data: undefined }, 'data: null\n\n'],
    ['every field', { event: 'tick', id: '7', retry: 1.5, data: 1 }, 'event: tick\nid: 7\nretry: 2\ndata: 1\n\n'],
  ])('writes %s', async (_, event, written) => {
    expect(await eventStream(events(event)).text()).toBe(`:\n\n${written}`);
  });

  it.each([
    ['event', { event: 'a\nb', data: '' }],
    ['id', { id: 'a\0', data: '' }],
    ['id', { id: 7, data: '' }],
    ['retry', { retry: -1, data: '' }],
    ['retry', { retry: '1', data: '' }],
    ['event', 'a'],
  ])('fails with an error that names `%s` for %o', async (name, event) => {
    await expect(eventStream(events(event as never)).text()).rejects.toThrow(`Expected \`${name}\``);
  });

  it('ends a source whose event cannot be written', async () => {
    const left = gate();
    const response = eventStream(async function* () {
      try {
        yield { id: '\0', data: '' };
      } finally {
        left.open();
      }
    });
    await expect(response.text()).rejects.toThrow('`id`');
    await left.opened;
  });

  it('asks the source for an event when the one before was taken', async () => {
    let asked = 0;
    const reader = eventStream(async function* () {
      for (;;) yield { data: String(++asked) };
    }).body!.getReader();
    await reader.read();
    expect(asked).toBe(0);
    await reader.read();
    await reader.read();
    expect(asked).toBe(2);
    await reader.cancel();
  });

  it('fails with the error of the source', async () => {
    const broken = eventStream(async function* () {
      yield { data: 'a' };
      throw new Error('no');
    });
    await expect(broken.text()).rejects.toThrow('no');
  });
});

describe('heartbeats', () => {
  it('break every silence, and none of them is lost on an event', async () => {
    using clock = fakeClock();
    const event = gate();
    const reader = eventStream(
      async function* () {
        await event.opened;
        yield { data: 'a' };
      },
      { heartbeatMs: 10 },
    ).body!.getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe(':\n\n');
    for (let i = 0; i < 3; i++) {
      const beat = next();
      await clock.advanceAsync(10);
      expect(await beat).toBe(':\n\n');
    }
    event.open();
    expect(await next()).toBe('data: a\n\n');
    expect((await reader.read()).done).toBe(true);
    // All deadlines share one timer; nothing else is left.
    expect(clock.pending).toBeLessThanOrEqual(1);
  });

  it('leave nothing of themselves behind, however long the silence', async () => {
    const waits: WeakRef<() => void>[] = [];
    let beat: () => void = expect.unreachable;
    const restore = setClock({
      now: () => 0,
      after(_ms, fn) {
        beat = fn;
        const disarm = () => undefined;
        waits.push(new WeakRef(disarm));
        return disarm;
      },
    });
    ends.push(restore);
    const reader = silent().body!.getReader();
    await reader.read();
    for (let i = 0; i < 20; i++) {
      const read = reader.read();
      await new Promise(setImmediate);
      beat();
      await read;
    }
    await new Promise(setImmediate);
    gc!();
    expect(waits).toHaveLength(20);
    expect(waits.filter((wait) => wait.deref() !== undefined).length).toBeLessThanOrEqual(1);
    await reader.cancel();
  });

  it('can be left out', async () => {
    using clock = fakeClock();
    const response = eventStream((token) => waiting(token), { heartbeatMs: Number.POSITIVE_INFINITY });
    const reader = response.body!.getReader();
    await reader.read();
    void reader.read().catch(() => {});
    await clock.advanceAsync(60_000);
    expect(clock.pending).toBe(0);
    await reader.cancel();
  });
});

describe('a cancel', () => {
  it('of the token fails the body with its error, and stops the source', async () => {
    const source = new CancellationSource();
    const left = gate();
    const response = eventStream(
      async function* (token: CancellationToken): AsyncGenerator<ServerSentEvent> {
        try {
          yield { data: 'a' };
          await suspendForever(token);
        } finally {
          left.open();
        }
      },
      { token: source.token },
    );
    const text = response.text().catch((error: unknown) => error);
    await new Promise(setImmediate);
    source.cancel('TIMEOUT');
    expect(await text).toBe(source.token.error);
    await left.opened;
  });

  it('reaches a source that nobody is asking for more', async () => {
    const source = new CancellationSource();
    const left = gate();
    const reader = eventStream(
      (async function* () {
        try {
          for (;;) yield { data: 'a' };
        } finally {
          left.open();
        }
      })(),
      { token: source.token },
    ).body!.getReader();
    await reader.read();
    await reader.read();
    source.cancel('SHUTDOWN');
    await left.opened;
    await expect(reader.read()).rejects.toBe(source.token.error);
  });

  it('of the body is PEER_CLOSED to the source, also while it waits for something', async () => {
    let seen: CancellationToken | undefined;
    const reader = eventStream((token) => {
      seen = token;
      return waiting(token);
    }).body!.getReader();
    await reader.read();
    const pending = reader.read();
    await new Promise(setImmediate);
    await reader.cancel();
    expect([(await pending).done, seen?.reason]).toEqual([true, 'PEER_CLOSED']);
  });

  it('E18: that came before starts nothing', async () => {
    const response = eventStream(() => expect.unreachable(), { token: CancellationToken.cancelled('SHUTDOWN') });
    expect(await response.text().catch(reasonOf)).toBe('SHUTDOWN');
  });
});

describe.each(PROTOCOLS)('over %s', (protocol) => {
  async function served(handler: WebHandler) {
    const server = await serve(handler, { tls: protocol === 'h2 over TLS' ? certificate() : undefined });
    ends.push(server.close);
    const client = await connect(protocol, Number(server.url.port));
    ends.push(() => client.leave());
    return { server, client };
  }

  it('S3-34: a peer that leaves stops the source, which waits for something else', async () => {
    const heard = gate<unknown>();
    const { client } = await served(() =>
      eventStream((token) => {
        token.onCancel(({ reason }) => heard.open(reason));
        return waiting(token);
      }),
    );
    const asked = client.ask();
    await asked.until(':\n\n');
    client.drop();
    expect(await heard.opened).toBe('PEER_CLOSED');
  });

  it('a shutdown cuts the stream: nobody takes what has come for the whole', async () => {
    const { server, client } = await served(silent);
    const asked = client.ask();
    await asked.until(':\n\n');
    const report = await server.drain({ graceMs: 0, timeoutMs: 5_000 });
    await asked.over;
    expect([asked.complete, report.cancelled]).toEqual([false, 1]);
  });

  it('T-15: after many streams none was cancelled, and the server is empty', async () => {
    const many = Math.ceil((1_000 * scale) / PROTOCOLS.length);
    let falseCancels = 0;
    const { server, client } = await served(({ headers }) =>
      eventStream(async function* (token: CancellationToken): AsyncGenerator<ServerSentEvent> {
        for (let n = 0; n < 3; n++) {
          yield { data: `${headers.get('x-n')}-${n}` };
          await Promise.resolve();
        }
        if (token.cancelled) falseCancels++;
      }),
    );
    for (let i = 0; i < many; i++) await client.ask({ headers: { 'x-n': `${i}` } }).until(`data: ${i}-2\n\n`);
    expect(falseCancels).toBe(0);
    expect((await server.drain()).stillRunning).toEqual([]);
  }, 120_000);
});

it('works on a server one already has: node:http, and what stands on it', async () => {
  const heard = gate<unknown>();
  const listener = (req: IncomingMessage, res: ServerResponse) => {
    const token = tokenOf(req, res);
    token.onCancel(({ reason }) => heard.open(reason));
    const { body, headers } = eventStream((token) => waiting(token), { token });
    res.setHeaders(headers);
    pipeline(Readable.fromWeb(body as never), res).catch(() => undefined);
  };
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  const client = await connect('HTTP/1.1', (server.address() as AddressInfo).port);
  const asked = client.ask();
  await asked.until('text/event-stream');
  client.leave();
  expect(await heard.opened).toBe('PEER_CLOSED');
});

it('an EventSource comes back to a stream that has ended, and says where it was, until it is answered with 204', async () => {
  const server = await serve((request) => {
    const n = Number(request.headers.get('last-event-id') ?? 0);
    if (n === 3) return new Response(null, { status: 204 });
    return eventStream(events({ id: `${n + 1}`, retry: 0, data: { n: n + 1 } }));
  });
  ends.push(server.close);
  const over = gate();
  const seen: unknown[] = [];
  const source = new EventSource(server.url);
  source.onmessage = ({ data, lastEventId }) => seen.push([lastEventId, data]);
  source.onerror = () => source.readyState === source.CLOSED && over.open();
  await over.opened;
  expect(seen).toEqual([
    ['1', '{"n":1}'],
    ['2', '{"n":2}'],
    ['3', '{"n":3}'],
  ]);
});

it('leaves nothing on the token of streams that have ended', async () => {
  const { token } = new CancellationSource();
  for (let i = 0; i < 20; i++) {
    const response = eventStream(events({ data: 'a' }, { data: 'b' }), { token });
    if (i % 2) await response.text();
    else await response.body!.cancel();
    await eventStream(events({ id: '\0', data: '' }), { token })
      .text()
      .catch(() => {});
  }
  expect(snapshot(token)).toMatchObject({ callbacks: 0, children: [] });
});

describe('bad input', () => {
  it.each<[string, () => unknown]>([
    ['source', () => eventStream(7 as never)],
    ['options', () => eventStream(events(), 7 as never)],
    ['token', () => eventStream(events(), { token: 7 as never })],
    ['heartbeatMs', () => eventStream(events(), { heartbeatMs: 0 })],
    ['heartbeatMs', () => eventStream(events(), { heartbeatMs: '1' } as unknown as EventStreamOptions)],
  ])('names `%s`', (name, call) => {
    expect(call).toThrow(`Expected \`${name}\``);
  });
});
