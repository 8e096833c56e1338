// T-15: of many calls that complete, not one is cancelled, during or after. `npm run soak` makes it 10,000 for each adapter.
import { describe, expect, it, vi } from 'vitest';
import type { CancellationToken } from '../../lib/core/index.ts';
import { expectNoLeaks } from '../../lib/testing/index.ts';
import type { Ask } from '../server/support/peers.ts';
import { turns } from '../server/support/stage.ts';
import { scale } from '../support/soak.ts';
import { FRAMEWORKS } from './support/servers/all.ts';
import { type Caller, caller } from './support/servers/caller.ts';
import type { Held } from './support/servers/framework.ts';
import { serving } from './support/servers/serving.ts';
import { inWordsOf } from './support/servers/set.ts';

vi.setConfig({ testTimeout: 60_000 + 30_000 * scale });

const CALLS = 200 * scale;
const CLIENTS = 8;

/** What a call is: one in ten streams its answer, every other brings a body. */
function askOf(index: number): { ask: Ask; streams: boolean } {
  if (index % 10 === 9) return { ask: {}, streams: true };
  if (index % 2 === 0) return { ask: {}, streams: false };
  return {
    ask: { method: 'POST', headers: { 'content-type': 'application/json' }, body: `"${index}"` },
    streams: false,
  };
}

describe.each(FRAMEWORKS)('$name', (framework) => {
  const protocols = framework.protocols.filter((protocol) => protocol !== 'h2 over TLS');
  it.each(protocols)(`of ${CALLS} completed calls not one is cancelled (%s)`, async (protocol) => {
    const app = await serving(framework, protocol, { handlerTimeoutMs: 3_600_000, requestTimeoutMs: 7_200_000 });
    const tokens: CancellationToken[] = [];
    const answered = (async () => {
      for (let index = 0; index < CALLS; index++) void answer(await app.seen.take());
    })();
    async function answer(held: Held) {
      tokens.push(held.token);
      await held.readBody();
      try {
        held.begin('one.');
        held.end('done.');
      } catch {
        held.answer('done.');
      }
    }
    let next = 0;
    const work = async (client: Caller) => {
      for (let index = next++; index < CALLS; index = next++) {
        const { ask, streams } = askOf(index);
        expect(await client.call(inWordsOf(framework, ask, streams))).toContain('done.');
      }
    };
    const clients = Array.from({ length: CLIENTS }, () => caller(protocol, app.port));
    await Promise.all([answered, ...clients.map(work)]);
    await turns();
    for (const client of clients) client.leave();
    await app.settled();
    await turns();
    expect(tokens).toHaveLength(CALLS);
    expect(tokens.filter(({ cancelled }) => cancelled)).toEqual([]);
    expectNoLeaks();
    expect(app.connections.size).toBe(0);
    expect(await app.drain()).toMatchObject({ drained: 0, cancelled: 0, timedOut: 0, refused: 0, crashed: 0 });
    await app.close();
  });
});
