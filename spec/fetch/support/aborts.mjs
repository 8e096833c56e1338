// Aborts requests over HTTP/2 at awkward moments. In a process of its own, as it may be the end of it.
//
// node aborts.mjs <scene> <guard> <copy> <url>
//   scene: unflushed (aborts before the request is on the wire) | held-back (its body waits for the peer) | storm (at any time)
//   guard: bare | createFetch | interceptor
//   copy: own (Node's fetch) | undici8
import { createInterface } from 'node:readline';
import { createFetch } from 'nevermind/fetch';

const [scene, guard, copy, url] = process.argv.slice(2);
const told = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function fetchOf() {
  if (copy === 'own' && guard === 'bare') return fetch;
  if (copy === 'own' && guard === 'createFetch') return createFetch();
  const { Agent, fetch: undiciFetch, getGlobalDispatcher, setGlobalDispatcher } = await import('undici8');
  setGlobalDispatcher(new Agent({ connect: { rejectUnauthorized: false } }));
  if (guard === 'createFetch') return createFetch({ fetch: undiciFetch });
  if (guard === 'interceptor') {
    const { cancellation } = await import('nevermind/adapters/undici');
    setGlobalDispatcher(getGlobalDispatcher().compose(cancellation()));
  }
  return copy === 'own' ? fetch : undiciFetch;
}

const get = await fetchOf();

/** Begins a POST. @returns what aborts it, and a promise of its end */
function post(body = 'x') {
  const controller = new AbortController();
  const ended = get(`${url}/hang`, { method: 'POST', body, signal: controller.signal }).then(
    () => 'answered',
    (error) => error,
  );
  return { abort: () => controller.abort('enough'), ended };
}

async function alive() {
  return (await get(`${url}/ok`)).text();
}

function say(line) {
  process.stdout.write(`${line}\n`);
}

const scenes = {
  async unflushed() {
    for (let i = 0; i < 20; i++) {
      const { abort, ended } = post();
      process.nextTick(abort);
      await ended;
      // What is on its way goes out; the next request begins a turn of its own.
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
  async 'held-back'() {
    const { abort, ended } = post();
    await told.next();
    abort();
    await ended;
    say('aborted');
    await told.next();
  },
  async storm() {
    const seed = 20_261_105;
    let state = seed;
    const random = (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const moments = [
      (abort) => abort(),
      queueMicrotask,
      process.nextTick,
      setImmediate,
      (abort) => setTimeout(abort, random(3)),
      (abort) => setImmediate(() => process.nextTick(abort)),
      async (abort) => {
        for (let hops = random(60); hops > 0; hops--) await undefined;
        abort();
      },
    ];
    for (let round = 0; round < 40; round++) {
      // Small enough: node:http2 counts what a cancelled upload has not sent as memory of its session, and gives up at 10 MB.
      const calls = Array.from({ length: 15 }, () => post('x'.repeat([1, 100, 1_000, 20_000][random(4)])));
      for (const { abort } of calls) moments[random(moments.length)](abort);
      await Promise.all(calls.map(({ ended }) => ended));
    }
  },
};

await alive();
await scenes[scene]();
say(await alive());
process.exit(0);
