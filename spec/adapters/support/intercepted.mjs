// What the interceptor does to each way of making a request, in the runtime that runs this, with the copy of undici that sets
// the global dispatcher: node intercepted.mjs <undici | undici8>. Prints one JSON object.
import { createServer } from 'node:http';
import { cancellation } from 'nevermind/adapters/undici';
import { runWithToken } from 'nevermind/ambient';
import { CancellationSource, reasonOf, snapshot } from 'nevermind/core';

const undici = await import(process.argv[2]);

const visits = [];
let waiting;
let tries = 0;
const server = createServer((incoming, outgoing) => {
  incoming.resume();
  if (incoming.url === '/flaky') {
    tries++;
    return outgoing.writeHead(503).end();
  }
  if (incoming.url === '/ok') return outgoing.end(incoming.headers['connect-timeout-ms']);
  if (incoming.url === '/body') outgoing.writeHead(200).write('1');
  const left = new Promise((resolve) => outgoing.once('close', () => resolve(!outgoing.writableEnded)));
  // In an object, as a promise that is returned is waited for.
  visits.push({ left });
  waiting?.();
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}`;

async function visited() {
  while (visits.length === 0) {
    await new Promise((resolve) => {
      waiting = resolve;
    });
  }
  return visits.shift();
}

function lastCause(error) {
  return error?.cause === undefined ? error : lastCause(error.cause);
}

/** Cancels what `begin` began as soon as the server works on it. */
async function cancelled(begin) {
  const source = new CancellationSource();
  const failing = runWithToken(source.token, begin).then(
    () => 'answered',
    (error) => error,
  );
  const { left } = await visited();
  source.cancel('SHUTDOWN');
  const error = await failing;
  const because = lastCause(error) === source.token.error ? reasonOf(error) : String(error);
  return { because, left: await left, callbacks: snapshot(source.token).callbacks };
}

/** Cancels between two tries of an interceptor below, and lets the second one begin. */
async function betweenTries() {
  const agent = new undici.Agent({ connections: 1 });
  const source = new CancellationSource();
  let next;
  const retry = (_error, _context, again) => {
    next = () => again(null);
    source.cancel('SHUTDOWN');
  };
  const dispatcher = agent.compose(undici.interceptors.retry({ retry }), cancellation());
  const error = await runWithToken(source.token, () => undici.request(`${url}/flaky`, { dispatcher })).catch((e) => e);
  next();
  await (await undici.request(`${url}/ok`, { dispatcher: agent })).body.text();
  return { because: lastCause(error) === source.token.error ? reasonOf(error) : String(error), tries };
}

async function report(send) {
  const { token } = new CancellationSource({ timeout: 60_000 });
  const told = Number(await (await runWithToken(token, () => send('/ok'))).text());
  return {
    told: told > 0 && told <= 60_000,
    head: await cancelled(() => send('/hang')),
    body: await cancelled(async () => (await send('/body')).text()),
    callbacks: snapshot(token).callbacks,
  };
}

undici.setGlobalDispatcher(undici.getGlobalDispatcher().compose(cancellation({ propagateDeadline: ['127.0.0.1'] })));
const init = { method: 'POST', body: 'x' };
const found = {
  "Node's fetch": await report((path) => fetch(url + path, init)),
  "undici's fetch": await report((path) => undici.fetch(url + path, init)),
  "undici's request": await report(async (path) => (await undici.request(url + path, init)).body),
  'between two tries': await betweenTries(),
};
process.stdout.write(JSON.stringify(found));
process.exit(0);
