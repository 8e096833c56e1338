// A handler that goes on writing once its answer is over: nothing more goes out, and nothing else is hurt.
import { afterEach, describe, expect, it } from 'vitest';
import { serve } from '../../lib/server/index.ts';
import { type Exchange, exchangeHandler, type ResponseWriter } from '../../lib/wire/index.ts';
import { certificate } from './support/certificate.ts';
import { Inbox } from './support/gate.ts';
import { connect, PROTOCOLS } from './support/peers.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const bytes = (text: string) => Buffer.from(text);

describe.each(PROTOCOLS)('over %s', (protocol) => {
  const tls = protocol === 'h2 over TLS' ? { tls: certificate() } : {};

  it('a web handler is told so by its stream, and the connection serves on', async () => {
    const streams = new Inbox<ReadableStreamDefaultController<Uint8Array>>();
    const errors: unknown[] = [];
    const server = await serve(
      () => new Response(new ReadableStream({ start: (controller) => streams.put(controller) })),
      { ...tls, onError: (error) => errors.push(error) },
    );
    ends.push(server.close);
    const client = await connect(protocol, Number(server.url.port));
    ends.push(() => client.leave());
    for (const text of ['one.', 'two.']) {
      const asked = client.ask();
      const stream = await streams.take();
      stream.enqueue(bytes(text));
      stream.close();
      await asked.until(text);
      expect(() => stream.enqueue(bytes('late'))).toThrow(TypeError);
    }
    expect(errors).toEqual([]);
  });

  it.each<[string, (exchange: Exchange) => ResponseWriter | undefined]>([
    ['a whole answer', (exchange) => void exchange.respond(200, {}, 'done.')],
    [
      'a stream',
      (exchange) => {
        const writer = exchange.stream(200, {});
        writer?.end(bytes('done.'));
        return writer;
      },
    ],
  ])('an exchange handler after %s is not heard', async (_, answer) => {
    const errors: unknown[] = [];
    const direct = (exchange: Exchange) => {
      const writer = answer(exchange);
      writer?.write(bytes('late'));
      writer?.end(bytes('late'));
      exchange.respond(200, {}, 'late');
      expect(exchange.stream(200, {})).toBeUndefined();
      return Promise.resolve();
    };
    const server = await serve(
      Object.assign(() => new Response(), { [exchangeHandler]: direct }),
      {
        ...tls,
        onError: (error) => errors.push(error),
      },
    );
    ends.push(server.close);
    const client = await connect(protocol, Number(server.url.port));
    ends.push(() => client.leave());
    for (let i = 0; i < 2; i++) {
      const asked = client.ask({ path: `/${i}` });
      expect(await asked.until('done.')).not.toContain('late');
    }
    client.leave();
    await server.drain();
    expect(errors).toEqual([]);
  });
});
