// Ends the process that runs it: a POST over HTTP/2 by undici 8, aborted before it has been written. docs/undici-http2.md tells why.
// It takes memory without end, so set limits first: ulimit -d 1000000; ulimit -t 10
// node docs/examples/abort-before-flush.mjs <undici | undici8> [guarded]
import { createServer } from 'node:http2';
import { createFetch } from 'nevermind/fetch';

const [copy, guarded] = process.argv.slice(2);
const { H2CClient, fetch: bare } = await import(copy);
const fetch = guarded ? createFetch({ fetch: bare }) : bare;

const server = createServer().on('stream', (stream) => {
  stream.on('error', () => {}).respond();
  stream.end('fine');
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}`;
const dispatcher = new H2CClient(url);

await (await fetch(url, { dispatcher })).text();
// What the first request left to be written would take the second along.
await new Promise((resolve) => setImmediate(resolve));

const caller = new AbortController();
const answer = fetch(url, { dispatcher, method: 'POST', body: 'x', signal: caller.signal });
process.nextTick(() => caller.abort());
const said = await answer.catch((error) => error.name);
const next = await (await fetch(url, { dispatcher })).text();
process.stdout.write(`${said}, ${next}\n`, () => process.exit());
