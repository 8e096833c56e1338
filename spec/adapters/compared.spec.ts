// What frameworks say of a client that leaves beside what their adapters say: docs/adapters-compared.md is what this file finds.
// After a change: npx vitest run spec/adapters/compared.spec.ts -u
import { expect, it, vi } from 'vitest';
import { type Ask, connect, type Protocol } from '../server/support/peers.ts';
import { type Deed, judge, ROWS, type Row, type Shape } from '../server/support/rows.ts';
import { turns, wordsOf } from '../server/support/stage.ts';
import { FRAMEWORKS } from './support/servers/all.ts';
import type { Framework, Held } from './support/servers/framework.ts';
import { adaptersCompared, type Both, type Found } from './support/servers/page.ts';
import { serving } from './support/servers/serving.ts';

vi.setConfig({ testTimeout: 120_000 });

const [BEGUN, DONE] = ['1111', '2222'];

function askOf(framework: Framework, { method, body, streams }: Shape): Ask | undefined {
  if (body === 'unread' && framework.parses) return undefined;
  const type = body === 'unread' ? 'application/octet-stream' : 'application/json';
  const ask: Ask = method === 'GET' ? {} : { method, headers: { 'content-type': type }, body: '{"n":1}' };
  return framework.ask === undefined ? ask : framework.ask(ask, streams === true);
}

const heardBy = {
  own: (held: Held) => held.own(),
  ours: ({ token }: Held) => (token.error === undefined ? undefined : wordsOf(token.error)),
};

/** Both verdicts on one request. */
async function measure(framework: Framework, protocol: Protocol, [shape, deed]: Row): Promise<Both> {
  const ask = askOf(framework, shape);
  const none = { verdict: undefined };
  if (ask === undefined || !framework.protocols.includes(protocol)) return { own: none, ours: none };
  const app = await serving(framework, protocol);
  const client = await connect(protocol, app.port);
  try {
    const requests: Held[] = [];
    if (shape.reuses) {
      const asked = client.ask(ask);
      const first = await app.seen.take();
      await app.overs.take();
      first.answer(DONE);
      await asked.until(DONE);
      requests.push(first);
    }
    const asked = client.ask(ask);
    const held = await app.seen.take();
    requests.push(held);
    if (shape.body === 'read') await held.readBody();
    if (shape.streams) {
      held.begin(BEGUN);
      await asked.until(BEGUN);
    }
    await turns();
    const early = { own: heardBy.own(held), ours: heardBy.ours(held) };
    const { over } = await app.overs.take();
    if (deed.do !== undefined) {
      deed.do(client, asked);
      await over;
    } else {
      if (shape.streams) held.end(DONE);
      else held.answer(DONE);
      await asked.until(DONE);
      await turns();
      client.leave();
      await app.settled();
    }
    await turns();
    return { own: verdict('own', early.own, requests, deed), ours: verdict('ours', early.ours, requests, deed) };
  } finally {
    client.leave();
    await app.close();
  }
}

function verdict(whose: keyof Both, early: string | undefined, requests: readonly Held[], deed: Deed) {
  if (early !== undefined) return { verdict: 'false' } as const;
  const heard = requests.map((held) => heardBy[whose](held));
  if (heard.slice(0, -1).some((words) => words !== undefined)) return { verdict: 'after' } as const;
  return judge(deed, heard.at(-1));
}

it('frameworks and their adapters say of a client that leaves what the page says they do', async () => {
  const all: Found[] = [];
  for (const framework of FRAMEWORKS) {
    const rows: Found['rows'][number][] = [];
    for (const [protocol, these] of Object.entries(ROWS) as [Protocol, readonly Row[]][]) {
      for (const row of these) {
        const [shape, deed] = row;
        rows.push({ protocol, shape: shape.name, deed: deed.name, both: await measure(framework, protocol, row) });
      }
    }
    all.push({ framework, rows });
  }
  // Ours are right in all of them, or the page would have nothing to say.
  const ours = all.flatMap(({ framework, rows }) =>
    rows.flatMap(({ both, ...row }) =>
      both.ours.verdict === 'right' || both.ours.verdict === undefined ? [] : [{ name: framework.name, ...row }],
    ),
  );
  expect(ours).toEqual([]);
  await expect(adaptersCompared(all)).toMatchFileSnapshot('../../docs/adapters-compared.md');
});
