// One service under load, in a process of its own: half of its clients leave, then it is restarted in the midst of work.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sleep, unwrap } from 'nevermind';
import { spawn } from 'nevermind/adapters/child-process';
import { CALL_MS, openPrices, QUERY_MS } from './world.mjs';

const PACE_MS = 125;
/** A thread takes a part of it to start, and then is busy for longer. */
const THREAD_MS = 100;

/** How many ask for a report at the moment of the restart. */
export const CAUGHT = 6;

export async function measure(n, { clients, env, shop, token }) {
  const prices = await openPrices();
  const path = fileURLToPath(new URL(`service-${n}.mjs`, import.meta.url));
  const options = { env: { ...process.env, ...env, PRICES: prices.url }, stdio: ['ignore', 'pipe', 'inherit'], token };
  const service = spawn(process.execPath, [path], options);
  try {
    const [port] = await Promise.race([once(createInterface({ input: service.stdout }), 'line'), gone(service)]);
    const url = `http://127.0.0.1:${port}`;
    const look = async () => {
      const { steps, cpu } = await (await fetch(`${url}/metrics`)).json();
      return { queries: await shop.ended(), calls: prices.calls(), steps, cpu: cpu.user + cpu.system };
    };
    await answered(`${url}/reports/0`); // the first one warms it up
    const before = await look();
    const answers = await visited(url, clients, prices, token);
    const after = await settled(look, token);
    const kept = await restarted(url, service, shop, token);
    const spent = Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
    return { answers, kept, ...spent };
  } finally {
    // Before whatever it calls goes down.
    service.kill('SIGTERM');
    await service.ended;
    prices.close();
  }
}

/** @returns how many have their report */
async function visited(url, clients, prices, token) {
  const asked = [];
  for (let i = 0; i < clients; i++) {
    const shop = 1 + i;
    const leaves = i % 2 === 1 && inTheMidst(prices.of(shop), ((i - 1) / 2) % 3, token);
    asked.push(answered(`${url}/reports/${shop}`, leaves));
    await sleep(PACE_MS, token);
  }
  return (await Promise.all(asked)).filter(Boolean).length;
}

/** Waits until a report has come to its query, its calls or its thread. */
async function inTheMidst(shop, stage, token) {
  if (stage === 1) await once(shop, 'called');
  if (stage === 2) await once(shop, 'answered');
  await sleep([QUERY_MS / 4, CALL_MS / 4, THREAD_MS][stage], token);
}

/** @returns how many have their report though the service went down as they waited for it */
async function restarted(url, service, shop, token) {
  const before = await shop.begun();
  const caught = Array.from({ length: CAUGHT }, (_, i) => answered(`${url}/reports/${1 + i}`));
  while ((await shop.begun()) < before + CAUGHT) await sleep(10, token);
  service.kill('SIGTERM');
  return (await Promise.all(caught)).filter(Boolean).length;
}

async function gone(service) {
  unwrap(await service.ended);
  throw new Error('The service has ended before it was there.');
}

/** @param leaves settles when the client does; false: it stays */
async function answered(url, leaves = false) {
  const caller = new AbortController();
  const leave = () => caller.abort();
  if (leaves) leaves.then(leave, leave);
  try {
    const response = await fetch(url, { signal: caller.signal });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

/** Waits until nothing more is done for those who have left. */
async function settled(look, token) {
  for (let last = await look(); ; ) {
    await sleep(5 * PACE_MS, token);
    const now = await look();
    if (['queries', 'calls', 'steps'].every((name) => now[name] === last[name])) return now;
    last = now;
  }
}
