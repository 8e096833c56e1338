// `npm run example`, or `node docs/examples/adopting/main.mjs [service …] [--clients n]`: what the steps of docs/guide/adopting.md save.
import { parseArgs } from 'node:util';
import { CancellationSource, reasonOf } from 'nevermind';
import { CAUGHT, measure } from './load.mjs';
import { startPostgres } from './postgres.mjs';
import { openShop } from './world.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { clients: { type: 'string', default: '40' } },
});
const clients = Number(values.clients);
const services = positionals.length > 0 ? positionals : ['0', '5'];
if (!(Number.isInteger(clients) && clients > 0) || services.some((n) => !/^[0-5]$/.test(n))) {
  throw new Error(`Expected services from 0 to 5 and --clients 1 or more, got ${process.argv.slice(2).join(' ')}.`);
}

const source = new CancellationSource();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => source.cancel('SHUTDOWN'));
try {
  await compare(source.token);
} catch (error) {
  process.exitCode = 1;
  if (reasonOf(error) === undefined) process.stderr.write(`${error.message}\n`);
}

async function compare(token) {
  // Of its own: it is there until nobody needs it any more.
  const postgres = new CancellationSource();
  const { env, ended } = await startPostgres(postgres.token);
  const shop = await openShop(env);
  try {
    print(
      `${clients} clients, one each 125 ms, want a report; every second one leaves. Then a restart, with ${CAUGHT} more under way.\n`,
    );
    const found = [];
    for (const n of services) found.push(await measure(n, { clients, env, shop, token }));
    print(table(found));
  } finally {
    await shop.close();
    postgres.cancel();
    await ended;
  }
}

function table(found) {
  const plain = (n) => n.toLocaleString('en-GB');
  const seconds = (us) => `${(us / 1e6).toFixed(2)} s`;
  const row = (name, key, show = plain) => {
    const saved = show(found[0][key] - found.at(-1)[key]);
    return [name, ...found.map((one) => show(one[key])), ...(found.length > 1 ? [saved] : [])];
  };
  const rows = [
    ['', ...services.map((n) => `service-${n}`), ...(found.length > 1 ? ['saved'] : [])],
    ['reports answered', ...found.map(({ answers }) => plain(answers))],
    row('queries to their end', 'queries'),
    row('calls to their end', 'calls'),
    row('steps of threads', 'steps'),
    row('CPU of the service', 'cpu', seconds),
    ['answered in the restart', ...found.map(({ kept }) => `${kept} of ${CAUGHT}`)],
  ];
  const line = ([name, ...cells]) => name.padEnd(24) + cells.map((cell) => cell.padStart(11)).join('');
  return rows.map(line).join('\n');
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
