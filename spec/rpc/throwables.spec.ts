import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Client, createClient } from '../../lib/rpc/client.ts';
import { RpcError } from '../../lib/rpc/index.ts';
import { createHandler, implement, type RpcHandler } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { all, Counter } from './support/counter.ts';
import { fetchInto } from './support/greeter.ts';

const altered = (changes: object) => () => Object.assign(new RpcError('not_found', 'x'), changes);
const trap = () => {
  throw new Error('trap');
};

/** What an implementation may throw, and the code that its caller gets. */
const throwables: [name: string, make: () => unknown, code: string][] = [
  ['undefined', () => undefined, 'internal'],
  ['null', () => null, 'internal'],
  ['a symbol', () => Symbol('x'), 'internal'],
  ['a string', () => 'x', 'internal'],
  [
    'an error with a getter that throws',
    () => Object.defineProperty(new Error('x'), 'cause', { get: trap }),
    'internal',
  ],
  ['a Proxy that throws', () => new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap }), 'internal'],
  ['an RpcError of an unknown code', altered({ code: 'E_QUOTA' }), 'internal'],
  ['an RpcError of metadata that is none', altered({ metadata: { 'x y': 'a\nb', n: '\u{1f600}' } }), 'not_found'],
  ['an RpcError without metadata', altered({ metadata: null }), 'internal'],
  ['an RpcError without details', altered({ details: null }), 'not_found'],
  ['an RpcError whose message is no text', altered({ message: Symbol('x') }), 'not_found'],
  ['an RpcError of details that JSON has not', altered({ details: [{ type: 'a', value: 5n }] }), 'not_found'],
  ['an RpcError of lone surrogates', () => new RpcError('not_found', 'ü\u2028\ud800'), 'not_found'],
];

/** Readable when it is looked at first, and never again. */
function fickle(): unknown {
  let looks = 0;
  return Object.defineProperty(new RpcError('not_found'), 'message', { get: () => (looks++ === 0 ? 'x' : trap()) });
}

let thrown: () => unknown;
const handler: RpcHandler = createHandler(
  [
    implement(Counter, {
      double() {
        throw thrown();
      },
      async *upTo() {
        yield { n: 1 };
        throw thrown();
      },
      async sum() {
        throw thrown();
      },
      chat: (requests) => requests,
    }),
  ],
  { onError: () => {} },
);

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

const ends: (() => unknown)[] = [];
const ways: [string, () => Promise<Client<(typeof Counter)['methods']>>][] = [
  [
    'over serve',
    async () => {
      const server = await serve(handler, { onError: () => {} });
      const transport = http2Transport({ baseUrl: server.url });
      ends.push(
        () => server.close(),
        () => transport.close(),
      );
      return createClient(Counter, { transport });
    },
  ],
  ['in the web form', async () => createClient(Counter, { baseUrl: 'http://localhost', fetch: fetchInto(handler) })],
];

describe.each(ways)('an implementation that throws, %s,', (_, connect) => {
  let client: Client<(typeof Counter)['methods']>;
  beforeEach(async () => {
    client = await connect();
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  it.each(throwables)('%s is answered for', async (_, make, code) => {
    thrown = make;
    expect((await failure(client.double({ n: 1 }))).code).toBe(code);
    expect((await failure(all(client.upTo({ n: 1 })))).code).toBe(code);
    expect((await failure(client.sum([]))).code).toBe(code);
  });

  it('what cannot be told fails the call all the same, and a stream that has begun breaks off', async () => {
    thrown = fickle;
    expect(await failure(client.double({ n: 1 }))).toMatchObject({ code: 'internal', message: 'The handler failed.' });
    const responses = client.upTo({ n: 1 });
    expect((await responses.next()).value).toEqual({ n: 1 });
    expect(await failure(Promise.resolve(responses.next()))).toBeInstanceOf(RpcError);
  });
});
