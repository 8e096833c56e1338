// Makes calls to a server that answers with fuzzed frames: `node fuzzed-client.ts BATCHES`. Says what came of the calls.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import fc from 'fast-check';
import { createClient } from '../../../lib/rpc/client.ts';
import { RpcError } from '../../../lib/rpc/index.ts';
import { http2Transport } from '../../../lib/rpc-node/index.ts';
import { isCode } from '../../../lib/wire/index.ts';
import { all, Counter, numbers } from '../../rpc/support/counter.ts';
import { frame, TYPE } from '../../server/support/frames.ts';
import { frames } from './fuzzed-frames.ts';

let batch: Buffer[] = [];
const CALLS = 5;
const PREFACE = 24;

/** How many calls have begun, by what a client has sent. */
function callsIn(bytes: Buffer): number {
  let calls = 0;
  for (let at = PREFACE; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === TYPE.HEADERS) calls++;
  }
  return calls;
}

const server = net.createServer((socket) => {
  let seen: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    if (callsIn(seen) < CALLS) return;
    socket.off('data', onData).resume();
    socket.end(Buffer.concat(batch));
  };
  socket.on('error', () => {}).on('data', onData);
  // Calls with streams of requests wait for this.
  socket.write(Buffer.concat([frame(TYPE.SETTINGS, 0, 0), frame(TYPE.SETTINGS, 1, 0)]));
});
await once(server.listen(0, '127.0.0.1'), 'listening');
const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

const found = { answered: 0, failed: 0, strange: [] as string[] };
await fc.assert(
  fc.asyncProperty(frames('response'), async (next) => {
    batch = next;
    const transport = http2Transport({ baseUrl });
    const client = createClient(Counter, { transport, maxMessageBytes: 10_000 });
    const calls = [
      client.double({ n: 1 }),
      all(client.upTo({ n: 1 })),
      client.sum(numbers(2)),
      all(client.chat(numbers(2))),
      client.double({ n: 2 }),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'fulfilled') found.answered++;
      else if (outcome.reason instanceof RpcError && isCode(outcome.reason.code)) found.failed++;
      else found.strange.push(String(outcome.reason));
    }
    await transport.close();
  }),
  { numRuns: Number(process.argv[2]) },
);
server.close();
process.stdout.write(JSON.stringify(found));
