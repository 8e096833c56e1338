// Calls served by a runtime's own server of `Request` and `Response`: Bun.serve, Deno.serve. Run by run.mjs, on the built package.
import { EventEmitter, once } from 'node:events';
import process from 'node:process';
import { z } from 'zod';
import { CancellationSource } from '../../dist/core/index.js';
import { createClient } from '../../dist/rpc/client.js';
import { clientStream, serverStream, service, unary } from '../../dist/rpc/index.js';
import { createHandler, implement } from '../../dist/rpc/server.js';

const schemas = { input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) };
const Counter = service('demo.v1.Counter', {
  double: unary(schemas),
  upTo: serverStream(schemas),
  sum: clientStream(schemas),
});

/** The request that makes a handler wait. */
const WAIT = 99;
const news = new EventEmitter();
const wait = (token) =>
  new Promise((_, reject) => {
    token.onCancel((error) => {
      news.emit('stopped', error.reason);
      reject(error);
    });
    news.emit('entered');
  });

const handler = createHandler([
  implement(Counter, {
    double: ({ n }, { token }) => (n === WAIT ? wait(token) : { n: 2 * n }),
    async *upTo({ n }, { token }) {
      for (let i = 1; i <= Math.min(n, 3); i++) yield { n: i };
      if (n === WAIT) await wait(token);
    },
    async sum(requests) {
      let sum = 0;
      for await (const { n } of requests) sum += n;
      return { n: sum };
    },
  }),
]);

const options = { port: 0, hostname: '127.0.0.1' };
const server =
  'Bun' in globalThis
    ? globalThis.Bun.serve({ ...options, fetch: (request) => handler(request) })
    : globalThis.Deno.serve({ ...options, onListen() {} }, (request) => handler(request));
const counter = createClient(Counter, { baseUrl: `http://127.0.0.1:${server.port ?? server.addr.port}` });

async function upTo(n, last) {
  const seen = [];
  for await (const one of counter.upTo({ n })) {
    seen.push(one.n);
    if (one.n === last) break;
  }
  return seen;
}

async function* requests() {
  yield { n: 1 };
  yield { n: 2 };
}

const code = (call) =>
  call.then(
    () => 'ok',
    (error) => error.code,
  );

/** What each is to come to, and what it has. */
const checks = {
  unary: [{ n: 42 }, () => counter.double({ n: 21 })],
  responses: [[1, 2, 3], () => upTo(3)],
  requests: [{ n: 3 }, () => counter.sum(requests())],
  invalid: ['invalid_argument', () => code(counter.double({ n: 1.5 }))],
  cancel: [
    ['canceled', ['CANCELLED']],
    async () => {
      const source = new CancellationSource();
      const [entered, stopped] = [once(news, 'entered'), once(news, 'stopped')];
      const outcome = code(counter.double({ n: WAIT }, { token: source.token }));
      await entered;
      source.cancel();
      return [await outcome, await stopped];
    },
  ],
  deadline: [
    ['deadline_exceeded', ['TIMEOUT']],
    async () => {
      const stopped = once(news, 'stopped');
      return [await code(counter.double({ n: WAIT }, { timeout: 200 })), await stopped];
    },
  ],
  'a loop that is left': [
    [[1, 2, 3], ['CANCELLED']],
    async () => {
      const stopped = once(news, 'stopped');
      return [await upTo(WAIT, 3), await stopped];
    },
  ],
};

const failed = [];
for (const [name, [expected, run]] of Object.entries(checks)) {
  const got = JSON.stringify(await run().catch(String));
  if (got !== JSON.stringify(expected)) failed.push(`${name}: ${got} instead of ${JSON.stringify(expected)}`);
}
process.stdout.write(`REPORT ${JSON.stringify({ failed })}\n`, () => process.exit());
