// Frames of HTTP/2 that mean nothing, or harm, on real connections: to our server, and from a server to our client.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createClient } from '../../lib/rpc/client.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { useManualClock } from '../rpc/support/manual-clock.ts';
import { RawSession } from '../server/support/frames.ts';
import { turns } from '../server/support/stage.ts';
import { otherNode } from '../support/other-node.ts';
import { count } from '../support/soak.ts';
import { FRAMES, frames } from './support/fuzzed-frames.ts';

const time = useManualClock();
const PROGRAM = fileURLToPath(new URL('support/fuzzed-client.ts', import.meta.url));

/** Batches, on a connection each. */
const BATCHES = count(200, 2_000);

it(`${BATCHES * FRAMES} fuzzed frames to a server end their own connections at most`, async () => {
  let running = 0;
  const errors: unknown[] = [];
  const handler = createHandler(
    [
      implement(Counter, {
        double: ({ n }) => ({ n }),
        upTo: ({ n }) => numbers(n % 5),
        async sum(requests) {
          running++;
          try {
            return { n: (await all(requests)).length };
          } finally {
            running--;
          }
        },
        chat: (requests) => requests,
      }),
    ],
    { maxBodyBytes: 10_000, onError: (error) => errors.push(error) },
  );
  const server = await serve(handler, { onError: (error) => errors.push(error) });
  const transport = http2Transport({ baseUrl: server.url });
  const bystander = createClient(Counter, { transport });
  let n = 0;
  await fc.assert(
    fc.asyncProperty(frames('request'), async (batch) => {
      const session = await RawSession.open(Number(server.url.port));
      session.send(...batch);
      n++;
      expect(await bystander.double({ n })).toEqual({ n });
      session.socket.destroy();
    }),
    { numRuns: BATCHES },
  );
  await transport.close();
  // A session that Node 20 has given up without a word is found out by a ping.
  for (let s = 0; s < 30; s += 5) {
    time().advance(5_000);
    await turns();
  }
  expect(await server.drain({ graceMs: 0, timeoutMs: 0 })).toMatchObject({ drained: 0, timedOut: 0 });
  expect([running, errors]).toEqual([0, []]);
}, 3_600_000);

// In Node 24: Node 20 itself aborts now and then as it collects such a session, on an assertion about its own memory.
it(`${BATCHES * FRAMES} fuzzed frames from a server settle every call`, async () => {
  const node = await otherNode('24.21.0');
  const { stdout } = await promisify(execFile)(node, ['--no-warnings', PROGRAM, String(BATCHES)]);
  const { answered, failed, strange } = JSON.parse(stdout);
  expect([answered + failed, strange]).toEqual([5 * BATCHES, []]);
}, 3_600_000);
