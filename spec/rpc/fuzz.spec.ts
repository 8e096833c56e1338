// Whatever comes, to a server or to a client: it is answered, or told as an error of the protocol. Nothing throws beside that,
// nothing waits for ever.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CancellationSource, type CancellationToken, snapshot } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import { RpcError, type StreamReply, type Transport, type UnaryReply } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import {
  END_STREAM,
  EnvelopeReader,
  type Exchange,
  exchangeHandler,
  isCode,
  type ResponseWriter,
} from '../../lib/wire/index.ts';
import { count } from '../support/soak.ts';
import { all, Counter, numbers } from './support/counter.ts';
import { bodies, headers, streams, targets } from './support/fuzz.ts';

const LIMIT = 2_000;
const REQUESTS = count(8_000, 500_000);
const ANSWERS = count(6_000, 400_000);

interface Sent {
  readonly method: string;
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly chunks: readonly Uint8Array[];
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, undefined> {
  yield* chunks;
  return undefined;
}

/** One exchange as a server hands it over, with whatever a peer has sent; notes what is answered. */
class FuzzedExchange implements Exchange, ResponseWriter {
  readonly source = new CancellationSource();
  readonly #sent: Sent;
  answers = 0;
  ends = 0;
  status = 0;
  type: string | undefined;
  readonly body: Exchange['body'];
  #written: Uint8Array[] = [];

  constructor(sent: Sent) {
    this.#sent = sent;
    this.body = async () => Buffer.concat(sent.chunks);
  }

  get token(): CancellationToken {
    return this.source.token;
  }

  get method(): string {
    return this.#sent.method;
  }

  get target(): string {
    return this.#sent.target;
  }

  get written(): Uint8Array {
    return Buffer.concat(this.#written);
  }

  header(name: string): string | undefined {
    return this.#sent.headers[name];
  }

  headers(): Iterable<[string, string]> {
    return Object.entries(this.#sent.headers);
  }

  chunks(): AsyncGenerator<Uint8Array, undefined> {
    return each(this.#sent.chunks);
  }

  respond(status: number, headers: Record<string, string>, body: string | Uint8Array = ''): void {
    this.stream(status, headers).end(Buffer.from(body as string));
  }

  stream(status: number, headers: Record<string, string>): ResponseWriter {
    this.answers++;
    this.status = status;
    this.type = headers['content-type'];
    return this;
  }

  write(chunk: Uint8Array): undefined {
    this.#written.push(chunk);
  }

  end(chunk: Uint8Array): void {
    this.ends++;
    this.#written.push(chunk);
  }
}

const methods = fc.oneof(
  { weight: 9, arbitrary: fc.constant('POST') },
  fc.constantFrom('GET', 'HEAD', 'PUT', 'OPTIONS', 'X'),
);
const requests = fc.record({
  method: methods,
  target: targets,
  headers,
  chunks: fc.oneof(
    streams,
    bodies.map((body) => [body]),
  ),
});

it(`${REQUESTS} fuzzed requests are answered once each, as the protocol has it, and reach no implementation that did not want them`, async () => {
  const errors: unknown[] = [];
  let wrong = 0;
  const checked = ({ n }: { n: number }) => {
    if (!Number.isInteger(n)) wrong++;
    return { n };
  };
  const handler = createHandler(
    [
      implement(Counter, {
        double: checked,
        upTo: (request) => numbers(checked(request).n % 3),
        sum: async (requests) => ({ n: (await all(requests)).map(checked).length }),
        async *chat(requests) {
          for await (const request of requests) yield checked(request);
        },
      }),
    ],
    { maxBodyBytes: LIMIT, onError: (error) => errors.push(error) },
  );
  await fc.assert(
    fc.asyncProperty(requests, async (sent) => {
      const exchange = new FuzzedExchange(sent);
      await handler[exchangeHandler](exchange);
      expect([exchange.answers, exchange.ends]).toEqual([1, 1]);
      if (exchange.type === 'application/connect+json') checkStream(exchange);
      else checkUnary(exchange);
      expect(snapshot(exchange.token)).toMatchObject({ callbacks: 0, children: [] });
    }),
    { numRuns: REQUESTS },
  );
  expect([errors, wrong]).toEqual([[], 0]);
}, 3_600_000);

function checkUnary({ status, written }: FuzzedExchange): void {
  const json = JSON.parse(new TextDecoder().decode(written));
  if (status === 200) expect(json).toEqual({ n: expect.any(Number) });
  else expect([[400, 404, 405, 408, 413, 415, 501, 504].includes(status), isCode(json.code)]).toEqual([true, true]);
}

/** Messages, and then one that says how it ended. */
function checkStream({ status, written }: FuzzedExchange): void {
  const reader = new EnvelopeReader(1 << 20);
  reader.push(written);
  const flags: number[] = [];
  let last: Uint8Array = new Uint8Array();
  for (let next = reader.next(); next !== undefined; next = reader.next()) {
    flags.push(next.flags);
    last = next.data;
  }
  expect([status, flags.indexOf(END_STREAM), reader.inside]).toEqual([200, flags.length - 1, false]);
  const { error } = JSON.parse(new TextDecoder().decode(last));
  if (error !== undefined) expect(isCode(error.code)).toBe(true);
}

const answers = fc.record({
  status: fc.oneof(
    { weight: 6, arbitrary: fc.constant(200) },
    fc.constantFrom(204, 400, 401, 404, 408, 429, 499, 500, 503, 504),
    fc.nat(999),
  ),
  headers,
  chunks: fc.oneof(
    streams,
    bodies.map((body) => [body]),
  ),
  kind: fc.constantFrom('double', 'upTo', 'sum', 'chat'),
});

it(`${ANSWERS} fuzzed answers settle their calls, with what the contract allows or with an RpcError`, async () => {
  let next: { status: number; headers: Record<string, string>; chunks: readonly Uint8Array[] } | undefined;
  const head = () => {
    const { status = 0, headers = {} } = next ?? {};
    return { status, header: (name: string) => headers[name], headers: () => Object.entries(headers) };
  };
  const transport: Transport = {
    unary: async (): Promise<UnaryReply> => ({ ...head(), body: Buffer.concat(next?.chunks ?? []) }),
    stream: async (): Promise<StreamReply> => ({ ...head(), chunks: each(next?.chunks ?? []) }),
  };
  const client = createClient(Counter, { transport, maxMessageBytes: LIMIT });
  await fc.assert(
    fc.asyncProperty(answers, async ({ kind, ...answer }) => {
      next = answer;
      const calls = {
        double: () => client.double({ n: 1 }),
        upTo: () => all(client.upTo({ n: 1 })),
        sum: () => client.sum(numbers(1)),
        chat: () => all(client.chat(numbers(1))),
      };
      try {
        for (const { n } of [await calls[kind as 'double']()].flat()) expect(Number.isInteger(n)).toBe(true);
      } catch (error) {
        expect([error instanceof RpcError, isCode((error as RpcError).code)]).toEqual([true, true]);
      }
    }),
    { numRuns: ANSWERS },
  );
}, 3_600_000);
