// 1,600 cancels on one session beside a call that lives, in a process that holds client and server: what becomes of the call.
// With `ours` the client is http2Transport, with `bare` one session of node:http2, whose server ends it with all that is on it.
import { once } from 'node:events';
import http2 from 'node:http2';
import { z } from 'zod';
import { CancellationSource } from '../../../dist/core/index.js';
import { createClient } from '../../../dist/rpc/client.js';
import { service, unary } from '../../../dist/rpc/index.js';
import { http2Transport } from '../../../dist/rpc-node/index.js';

const CANCELS = 1_600;
const AT_ONCE = 16;
const HELD = '/demo.v1.Greeter/hold';

let holding;
const held = new Promise((resolve) => {
  holding = resolve;
});
const sessions = new Set();
let resets = 0;
const server = http2.createServer();
server.on('session', (session) => {
  sessions.add(session);
  session.on('error', () => {});
});
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  stream.on('aborted', () => resets++);
  if (headers[':path'] === HELD) holding(stream);
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const baseUrl = `http://127.0.0.1:${server.address().port}`;

const { call, close } = process.argv[2] === 'ours' ? ours() : bare();
const bystander = call(HELD).promise.then(
  () => 'answered',
  (error) => String(error.code),
);
const stream = await held;
for (let done = 0; done < CANCELS; done += AT_ONCE) {
  const calls = Array.from({ length: AT_ONCE }, () => call('/demo.v1.Greeter/wait'));
  await new Promise(setImmediate);
  for (const { cancel } of calls) cancel();
  await Promise.all(calls.map(({ promise }) => promise.catch(() => {})));
}
if (!stream.destroyed) {
  stream.respond({ ':status': 200, 'content-type': 'application/json' });
  stream.end('{}');
}
process.stdout.write(`${JSON.stringify({ bystander: await bystander, sessions: sessions.size, resets })}\n`);
await close();
for (const session of sessions) session.destroy();
server.close();

function ours() {
  const method = unary({ input: z.any(), output: z.any() });
  const transport = http2Transport({ baseUrl });
  const client = createClient(service('demo.v1.Greeter', { hold: method, wait: method }), { transport });
  return {
    call(path) {
      const source = new CancellationSource();
      const promise = client[path === HELD ? 'hold' : 'wait']({}, { token: source.token });
      return { promise, cancel: () => source.cancel() };
    },
    close: () => transport.close(),
  };
}

function bare() {
  const session = http2.connect(baseUrl);
  session.on('error', () => {});
  return {
    call(path) {
      if (session.destroyed) return { promise: Promise.resolve(), cancel() {} };
      const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: true });
      const promise = new Promise((resolve, reject) => {
        stream.on('response', () => stream.resume().on('end', resolve));
        stream.on('error', reject);
        stream.on('close', () => reject(Object.assign(new Error('closed'), { code: `reset ${stream.rstCode}` })));
      });
      promise.catch(() => {});
      return { promise, cancel: () => stream.close(8) };
    },
    close: () => session.destroy(),
  };
}
