// What a page does with a client of ours over the browser's own fetch; the part after # says which scene. Reports by a POST.
import { z } from 'zod';
import { CancellationSource, reasonOf } from '/dist/core/index.js';
import { createClient } from '/dist/rpc/client.js';
import { bidi, clientStream, serverStream, service, unary } from '/dist/rpc/index.js';

const number = z.object({ n: z.int() });
const schemas = { input: number, output: number };
const Counter = service('demo.v1.Counter', {
  double: unary({ ...schemas, idempotent: true }),
  upTo: serverStream(schemas),
  sum: clientStream(schemas),
  chat: bidi(schemas),
});
const counter = createClient(Counter, { baseUrl: '/' });
/** The request that makes a handler wait. */
const WAIT = 99;

async function all(responses) {
  const seen = [];
  for await (const { n } of responses) seen.push(n);
  return seen;
}

const failure = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ code: error.code, message: error.message, reason: reasonOf(error) }),
  );

async function* numbers() {
  yield { n: 1 };
  yield { n: 2 };
}

const scenes = {
  calls: async () => ({
    unary: await counter.double({ n: 21 }),
    byGet: await createClient(Counter, { baseUrl: '/', useGet: true }).double({ n: 4 }),
    stream: await all(counter.upTo({ n: 3 })),
    requests: await failure(counter.sum(numbers())),
    error: await failure(counter.double({ n: -1 })),
    invalid: await failure(counter.double({ n: 1.5 })),
  }),

  async cancels() {
    const source = new CancellationSource();
    const outcome = failure(counter.double({ n: WAIT }, { token: source.token }));
    await entered();
    source.cancel('CANCELLED', { description: 'the user has gone on' });
    const seen = [];
    for await (const { n } of counter.upTo({ n: WAIT })) {
      seen.push(n);
      break;
    }
    return { unary: await outcome, seen };
  },

  async deadline() {
    const unary = await failure(counter.double({ n: WAIT }, { timeout: 300 }));
    await late();
    const stream = await failure(all(counter.upTo({ n: WAIT }, { timeout: 300 })));
    await late();
    return { unary, stream };
  },

  /** Never reports: its tab is closed. */
  unary: () => counter.double({ n: WAIT }),
  stream: () => all(counter.upTo({ n: WAIT })),
};

/** Resolves when a handler of the server waits. */
const entered = () => fetch('/entered', { method: 'POST' });

/** Tells the server that the page's time is up. */
const late = () => fetch('/late', { method: 'POST' });

const report = (body) => fetch('/report', { method: 'POST', body: JSON.stringify(body) });
scenes[location.hash.slice(1)]().then(report, (error) => report({ failed: String(error.stack) }));
