import { afterEach, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { all, Counter, numbers } from '../rpc/support/counter.ts';

/** The long form: SOAK=1. */
const CANCELS = process.env.SOAK === undefined ? 3_000 : 20_000;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

it(`T-02: ${CANCELS} cancels at full speed, of calls and of streams, fail no call beside them, and every handler stops`, async () => {
  let running = 0;
  let begun = 0;
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
        double: ({ n }, { token }) => (n === 0 ? work(token) : { n: 2 * n }),
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
    const calls = Array.from({ length: 100 }, (_, i) =>
      i % 2 === 0 ? counter.double({ n: 0 }, { token }) : all(counter.upTo({ n: 1 }, { token })),
    );
    const codes = Promise.all(calls.map((call) => call.then(String, (error: RpcError) => error.code)));
    // A call that goes through is one more that lives beside them; by then, those before it have arrived.
    expect(await counter.double({ n: 4 })).toEqual({ n: 8 });
    bystanders++;
    source.cancel();
    expect(new Set(await codes)).toEqual(new Set(['canceled']));
  }
  expect(bystanders).toBe(CANCELS / 100);
  expect((await said).value).toEqual({ n: 1 });
  expect(await counter.sum(numbers(3))).toEqual({ n: 3 });
  await bystander.return?.();
  await transport.close();
  await server.drain({ graceMs: 2_000, timeoutMs: 0 });
  expect(running).toBe(0);
  expect(begun).toBeGreaterThan(0);
}, 120_000);

async function* endless() {
  yield { n: 1 };
  await new Promise(() => {});
}
