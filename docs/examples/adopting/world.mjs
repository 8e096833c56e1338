// What the service calls: a database whose queries take their time, and a service of prices. Both count what they do to its end.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:http';
import pg from 'pg';

const PRODUCTS = 8;
/** Of threads, for a whole report. */
const STEPS = 160;

export const QUERY_MS = 400;
export const CALL_MS = 200;

// Sequences count what a cancel undoes, too.
const SCHEMA = `
  create table orders as
    select shop, shop || '-' || n as product, ${STEPS} / ${PRODUCTS} as quantity
    from generate_series(1, 1000) shop, generate_series(1, ${PRODUCTS}) n;
  create sequence begun;
  create sequence ended;
  create function scan() returns bigint language plpgsql volatile as
    $$ begin perform nextval('begun'), pg_sleep(${QUERY_MS / 1_000}); return nextval('ended'); end $$;
  create view sales as select shop, product, quantity from scan(), orders`;

export async function openShop(env) {
  const client = new pg.Client({
    host: env.PGHOST,
    port: Number(env.PGPORT),
    user: env.PGUSER,
    database: env.PGDATABASE,
  });
  await client.connect();
  await client.query(SCHEMA);
  const count = async (sequence) => {
    const { rows } = await client.query(`select is_called::int * last_value::int as n from ${sequence}`);
    return rows[0].n;
  };
  return {
    begun: () => count('begun'),
    /** How many queries have run to their end. */
    ended: () => count('ended'),
    close: () => client.end(),
  };
}

export async function openPrices() {
  let calls = 0;
  /** Of each shop: says `called` at its first call, `answered` after its last one. */
  const shops = new Map();
  const of = (shop) => {
    if (!shops.has(shop)) shops.set(shop, Object.assign(new EventEmitter(), { answers: 0 }));
    return shops.get(shop);
  };
  const server = createServer((req, res) => {
    const shop = of(/\d+/.exec(req.url)[0]);
    shop.emit('called');
    const timer = setTimeout(() => {
      calls++;
      res.end('{"price":5}');
      if (++shop.answers === PRODUCTS) shop.emit('answered');
    }, CALL_MS);
    res.once('close', () => clearTimeout(timer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** How many calls have run to their end. */
    calls: () => calls,
    of: (shop) => of(String(shop)),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
