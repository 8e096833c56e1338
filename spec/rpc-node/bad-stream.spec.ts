import { once } from 'node:events';
import { addAbortSignal } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CancellationSource } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import { type RpcError, serverStream, service } from '../../lib/rpc/index.ts';
import { type Http2Transport, http2Transport } from '../../lib/rpc-node/index.ts';
import { COMPRESSED, END_STREAM, seal } from '../../lib/wire/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { type Seen, useRawServer } from './support/raw-server.ts';

const rawServer = useRawServer();
const transports: Http2Transport[] = [];
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

const text = (json: string): Uint8Array => new TextEncoder().encode(json);
const message = (n: number): Uint8Array => seal(0, text(`{"n":${n}}`));
const end = (json = '{}'): Uint8Array => seal(END_STREAM, text(json));

/** A client whose calls are answered with a head and then by `answer`. */
async function answered(
  answer: (call: Seen, cut: () => void) => unknown,
  headers: Record<string, string | number> = {},
) {
  const { server, baseUrl } = await rawServer();
  server.onCall = (call) => {
    call.stream.respond({ ':status': 200, 'content-type': 'application/connect+json', ...headers });
    void answer(call, () => {
      for (const socket of server.sockets) socket.destroy();
    });
  };
  const transport = http2Transport({ baseUrl });
  transports.push(transport);
  return { server, transport, client: createClient(Counter, { transport, maxMessageBytes: 1_000 }) };
}

/** What came of a stream: its messages, and the error that ended it. */
async function outcome(stream: AsyncIterable<{ n: number }>): Promise<[number[], RpcError | undefined]> {
  const seen: number[] = [];
  try {
    for await (const { n } of stream) seen.push(n);
    return [seen, undefined];
  } catch (error) {
    return [seen, error as RpcError];
  }
}

async function* endless(): AsyncGenerator<{ n: number }> {
  yield { n: 1 };
  await new Promise(() => {});
}

describe('an answer', () => {
  it('that fails says why, however small messages have to be', async () => {
    const why = (length: number) => JSON.stringify({ error: { code: 'not_found', message: 'x'.repeat(length) } });
    const packed = seal(COMPRESSED | END_STREAM, gzipSync(why(2_000)));
    const headers = { 'connect-content-encoding': 'gzip' };
    for (const last of [end(why(2_000)), packed]) {
      const { client } = await answered(({ stream }) => stream.end(last), headers);
      const [, error] = await outcome(client.upTo({ n: 1 }));
      expect([error?.code, error?.message.length]).toEqual(['not_found', 2_000]);
    }
    const { client } = await answered(({ stream }) => stream.end(end(why(70_000))));
    expect((await outcome(client.upTo({ n: 1 })))[1]?.code).toBe('resource_exhausted');
  });

  it('counts when its last message says that it is whole', async () => {
    const { client } = await answered(({ stream }) => stream.end(Buffer.concat([message(1), end()])));
    expect(await outcome(client.upTo({ n: 1 }))).toEqual([[1], undefined]);
  });

  const bad: [string, (call: Seen, cut: () => void) => unknown, string][] = [
    ['that just ends', ({ stream }) => stream.end(message(1)), 'internal'],
    ['that is empty', ({ stream }) => stream.end(), 'internal'],
    ['that ends within a message', ({ stream }) => stream.end(message(1).subarray(0, 7)), 'internal'],
    ['that goes on after its end', ({ stream }) => stream.end(Buffer.concat([end(), message(2)])), 'internal'],
    ['that ends twice', ({ stream }) => stream.end(Buffer.concat([end(), end()])), 'internal'],
    ['whose end is no object', ({ stream }) => stream.end(end('[]')), 'internal'],
    ['whose error is null', ({ stream }) => stream.end(end('{"error":null}')), 'internal'],
    ['whose error has no code', ({ stream }) => stream.end(end('{"error":{}}')), 'unknown'],
    ['whose end is no JSON', ({ stream }) => stream.end(end('{')), 'internal'],
    [
      'with a message that is no JSON',
      ({ stream }) => stream.end(Buffer.concat([seal(0, text('{')), end()])),
      'internal',
    ],
    ['with flags that nobody knows', ({ stream }) => stream.end(seal(8, text('{}'))), 'internal'],
    ['compressed without a word', ({ stream }) => stream.end(Buffer.concat([seal(1, text('x')), end()])), 'internal'],
    ['with a message over the limit', ({ stream }) => stream.write(Uint8Array.of(0, 0, 1, 0, 0)), 'resource_exhausted'],
    [
      'with a length that lies',
      ({ stream }) => stream.write(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff)),
      'resource_exhausted',
    ],
    // `close(8)` would end the answer first, from Node 22 on.
    ['that is reset with CANCEL', ({ stream }) => addAbortSignal(AbortSignal.abort(), stream), 'canceled'],
    ['that is reset with INTERNAL_ERROR', ({ stream }) => stream.close(2), 'internal'],
    ['whose connection is cut', (_call, cut) => cut(), 'unavailable'],
    ['whose session is destroyed', ({ session }) => session.destroy(), 'unavailable'],
  ];

  it.each(bad)('%s is a failure', async (_title, answer, code) => {
    const { client } = await answered(answer);
    const [, error] = await outcome(client.upTo({ n: 1 }));
    expect([error?.name, error?.code]).toEqual(['RpcError', code]);
    expect(await client.sum(numbers(2)).catch((error: RpcError) => error.code)).toBe(code);
  });

  it('with a message that promises more than it holds when unpacked is refused', async () => {
    const bomb = await new Response(
      new Blob([`{"n":1,"filler":"${'x'.repeat(100_000)}"}`]).stream().pipeThrough(new CompressionStream('gzip')),
    ).bytes();
    const { client } = await answered(({ stream }) => stream.end(Buffer.concat([seal(1, bomb), end()])), {
      'connect-content-encoding': 'gzip',
    });
    expect((await outcome(client.upTo({ n: 1 })))[1]?.code).toBe('resource_exhausted');
  });

  it('that has arrived with its end outlives the reset by which the peer wants no more requests', async () => {
    const seen: Gate<Seen> = gate();
    const { client } = await answered((call) => {
      call.stream.write(message(1));
      call.stream.end(Buffer.concat([message(2), end()]));
      seen.open(call);
    });
    const responses = client.chat(endless());
    expect((await responses.next()).value).toEqual({ n: 1 });
    const { stream, session } = await seen.opened;
    if (!stream.writableFinished) await once(stream, 'finish');
    stream.close(8);
    // Its answer comes after the reset has.
    await new Promise((resolve) => session.ping(resolve));
    expect(await outcome(responses)).toEqual([[2], undefined]);
  });

  it.each([
    ['nothing more of what has come', [message(1), message(2), message(3), end()]],
    ['no end either', [message(1), end()]],
  ])('S3-34: gives, after a cancel, %s', async (_, sealed) => {
    const { client } = await answered(({ stream }) => stream.end(Buffer.concat(sealed)));
    const source = new CancellationSource();
    const responses = client.upTo({ n: 1 }, { token: source.token });
    expect((await responses.next()).value).toEqual({ n: 1 });
    source.cancel();
    const [seen, error] = await outcome(responses);
    expect([seen, error?.code, error?.cause]).toEqual([[], 'canceled', source.token.error]);
  });

  it('S3-34: gives no message that its schema is done with after a cancel', async () => {
    const source = new CancellationSource();
    const cancels = z.object({ n: z.int() }).transform(async (message) => {
      source.cancel();
      return message;
    });
    const Cancelling = service('demo.v1.Counter', { upTo: serverStream({ input: cancels, output: cancels }) });
    const { transport } = await answered(({ stream }) => stream.end(Buffer.concat([message(1), end()])));
    const client = createClient(Cancelling, { transport });
    expect((await outcome(client.upTo({ n: 1 }, { token: source.token })))[0]).toEqual([]);
  });

  it('cut in its midst fails after what came, and is never whole', async () => {
    const { client } = await answered(async ({ stream }, cut) => {
      stream.write(message(1));
      await new Promise((resolve) => stream.session?.ping(resolve));
      cut();
    });
    const responses = client.upTo({ n: 2 });
    expect((await responses.next()).value).toEqual({ n: 1 });
    await expect(responses.next()).rejects.toMatchObject({ code: 'unavailable', reason: 'PEER_CLOSED' });
  });

  it('without or with more than one response to a stream of requests is unimplemented', async () => {
    for (const responses of [[], [message(1), message(2)]]) {
      const { client } = await answered(({ stream }) => stream.end(Buffer.concat([...responses, end()])));
      await expect(client.sum(numbers(1))).rejects.toMatchObject({ code: 'unimplemented' });
    }
  });

  it('of another kind is none: JSON by itself, and an error with its status', async () => {
    const json = await answered(({ stream }) => stream.end('{"n":1}'), { 'content-type': 'application/json' });
    expect((await outcome(json.client.upTo({ n: 1 })))[1]?.code).toBe('internal');
    const error = await answered(({ stream }) => stream.end('{"code":"not_found","message":"No."}'), {
      ':status': 404,
      'content-type': 'application/json',
    });
    expect((await outcome(error.client.upTo({ n: 1 })))[1]).toMatchObject({ code: 'not_found', message: 'No.' });
    const bare = await answered(({ stream }) => stream.end(), { ':status': 415 });
    expect((await outcome(bare.client.upTo({ n: 1 })))[1]?.code).toBe('unknown');
  });
});

describe('on the wire', () => {
  it('S0-17: leaving the loop is RST_STREAM CANCEL, in the midst of requests as well', async () => {
    const resets: number[] = [];
    const { server, client } = await answered((call) => {
      call.stream.write(message(1));
      void call.reset.then((code) => resets.push(code));
    });
    for await (const _ of client.upTo({ n: 1 })) break;
    await server.seen[0]?.reset;
    async function* endless() {
      yield { n: 1 };
      await new Promise(() => {});
    }
    for await (const _ of client.chat(endless())) break;
    await server.seen[1]?.reset;
    expect(resets).toEqual([8, 8]);
  });

  it('S1-20: carries the deadline, and what the messages are', async () => {
    const { server, client } = await answered(({ stream }) => stream.end(end()));
    await all(client.upTo({ n: 1 }, { timeout: 5_000 }));
    const [call] = server.seen;
    expect(call?.headers).toMatchObject({
      ':method': 'POST',
      ':path': '/demo.v1.Counter/upTo',
      'content-type': 'application/connect+json',
      'connect-protocol-version': '1',
      'connect-accept-encoding': 'gzip',
    });
    expect(Number(call?.headers['connect-timeout-ms'])).toBeLessThanOrEqual(5_000);
    expect(await call?.body).toBe('\0\0\0\0\x07{"n":1}');
  });
});
