import { afterEach, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { scale } from '../support/soak.ts';

const CANCELS = 20_000 * scale;
/** What a call asks for whose handler waits for its token, and one whose handler waits for a gate. */
const [NEVER, LATER] = [0, -1];

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

it(`T-02: ${CANCELS} cancels at full speed, of calls and of streams, fail no call beside them, and every handler stops`, async () => {
  let running = 0;
  let begun = 0;
  let release: Gate<void>;
  const work = async (token: { onCancel(callback: (error: unknown) => void): unknown }) => {
    running++;
    begun++;
    try {
      return await new Promise<{ n: number }>((_, reject) => token.onCancel(reject));
    } finally {
      running--;
    }
  };
  const server = await serve(
    createHandler([
      implement(Counter, {
        async double({ n }, { token }) {
          if (n === NEVER) return work(token);
          if (n === LATER) await release.opened;
          return { n: 2 * n };
        },
        async *upTo({ n }, { token }) {
          yield { n };
          yield await work(token);
        },
        sum: async (requests) => ({ n: (await all(requests)).length }),
        chat: (requests) => requests,
      }),
    ]),
  );
  const transport = http2Transport({ baseUrl: server.url });
  ends.push(
    () => transport.close(),
    () => server.close(),
  );
  const counter = createClient(Counter, { transport });

  const bystander = counter.chat(endless());
  const said = bystander.next();
  let bystanders = 0;
  for (let done = 0; done < CANCELS; done += 100) {
    const source = new CancellationSource();
    const { token } = source;
    release = gate();
    const held = counter.double({ n: LATER });
    const calls = Array.from({ length: 100 }, (_, i) =>
      i % 2 === 0 ? counter.double({ n: NEVER }, { token }) : all(counter.upTo({ n: 1 }, { token })),
    );
    const codes = Promise.all(calls.map((call) => call.then(String, (error: RpcError) => error.code)));
    // By the time that a call has gone through, those before it have arrived.
    expect(await counter.double({ n: 4 })).toEqual({ n: 8 });
    source.cancel();
    expect(new Set(await codes)).toEqual(new Set(['canceled']));
    release.open();
    expect(await held).toEqual({ n: 2 * LATER });
    bystanders++;
  }
  expect(bystanders).toBe(CANCELS / 100);
  expect((await said).value).toEqual({ n: 1 });
  expect(await counter.sum(numbers(3))).toEqual({ n: 3 });
  await bystander.return?.();
  await transport.close();
  await server.drain({ graceMs: 2_000, timeoutMs: 0 });
  expect(running).toBe(0);
  expect(begun).toBe(CANCELS);
}, 120_000);

async function* endless() {
  yield { n: 1 };
  await new Promise(() => {});
}
