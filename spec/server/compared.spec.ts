// What servers say of a client that leaves, measured: docs/servers-compared.md is what this file finds. After a change:
// npx vitest run spec/server/compared.spec.ts -u
import { expect, it, vi } from 'vitest';
import { compared, type Table } from './support/compared-page.ts';
import { type Ask, type Client, connect, type Protocol } from './support/peers.ts';
import { BEGUN, DONE, RIVALS, type Rival } from './support/rivals.ts';
import { type Deed, type Finding, judge, ROWS, type Row, type Shape } from './support/rows.ts';
import { type Stage, turns, type Witness } from './support/stage.ts';

vi.setConfig({ testTimeout: 120_000 });

/** The request in the language of the rival; undefined where it has none of the kind. */
function askOf({ parses, calls }: Rival, { method, body, streams }: Shape): Ask | undefined {
  if (body === 'unread' && (parses || calls)) return undefined;
  const message = '{"n":1}';
  if (calls) {
    if (streams) {
      const headers = { 'content-type': 'application/connect+json' };
      return { method: 'POST', path: '/demo.v1.Counter/upTo', headers, body: `\0\0\0\0\x07${message}` };
    }
    const headers = { 'content-type': 'application/json' };
    return method === 'GET' ? undefined : { method, path: '/demo.v1.Counter/double', headers, body: message };
  }
  const type = body === 'unread' ? 'application/octet-stream' : 'application/json';
  return method === 'GET' ? {} : { method, headers: { 'content-type': type }, body: message };
}

async function measure(rival: Rival, protocol: Protocol, shape: Shape, deed: Deed): Promise<Finding> {
  const ask = askOf(rival, shape);
  if (ask === undefined || (protocol === 'h2c' && !rival.http2)) return { verdict: undefined };
  const stage = await rival.start(protocol);
  const client = await connect(protocol, stage.port);
  try {
    return await watch(client, stage, ask, shape, deed);
  } finally {
    client.leave();
    await stage.close();
  }
}

async function watch(client: Client, stage: Stage, ask: Ask, shape: Shape, deed: Deed): Promise<Finding> {
  const earlier: Witness[] = [];
  if (shape.reuses) {
    const asked = client.ask(ask);
    const first = await stage.witnesses.take();
    first.answer();
    await asked.until(DONE);
    earlier.push(first);
  }
  const asked = client.ask(ask);
  const witness = await stage.witnesses.take();
  if (shape.body === 'read') await witness.readBody?.();
  if (shape.streams) {
    witness.begin?.();
    await asked.until(BEGUN);
  }
  await turns();
  if (witness.heard !== undefined) return { verdict: 'false' };
  if (deed.do === undefined) {
    if (shape.streams) witness.end?.();
    else witness.answer();
    await asked.until(DONE);
    await turns();
    client.leave();
    await stage.gone();
  } else {
    deed.do(client, asked);
    await witness.over;
  }
  await turns();
  if (earlier.some(({ heard }) => heard !== undefined)) return { verdict: 'after' };
  return judge(deed, witness.heard);
}

it('servers say of a client that leaves what the page says they do', async () => {
  const tables: Table[] = [];
  for (const [protocol, rows] of Object.entries(ROWS) as [Protocol, readonly Row[]][]) {
    const found: Table['rows'][number][] = [];
    for (const [shape, deed] of rows) {
      const cells: Finding[] = [];
      for (const rival of RIVALS) cells.push(await measure(rival, protocol, shape, deed));
      found.push({ shape: shape.name, deed: deed.name, cells });
    }
    tables.push({ protocol, rows: found });
  }
  // Ours are right in all of them, or the page would have nothing to say.
  const ours = tables.flatMap(({ rows }) => rows.flatMap(({ cells }) => cells.slice(0, 2)));
  expect(ours.filter(({ verdict }) => verdict !== 'right')).toEqual([]);
  await expect(compared(tables)).toMatchFileSnapshot('../../docs/servers-compared.md');
});
