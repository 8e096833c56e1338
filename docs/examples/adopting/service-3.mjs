// A report of a shop: its orders from PostgreSQL, their prices from another service, and a thread that works on each piece.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import express from 'express';
import { cancellation } from 'nevermind/adapters/express';
import { cancellablePool } from 'nevermind/adapters/pg';
import { createFetch } from 'nevermind/fetch';
import pg from 'pg';

const fetch = createFetch();
const pool = cancellablePool(new pg.Pool());
const steps = new Int32Array(new SharedArrayBuffer(4));
const app = express();
app.get('/metrics', (_req, res) => void res.json({ steps: Atomics.load(steps, 0), cpu: process.cpuUsage() }));

const cancelling = cancellation();
app.use(cancelling);
app.get('/reports/:shop', async (req, res) => {
  const { rows } = await pool.query('select product, quantity from sales where shop = $1', [req.params.shop]);
  const prices = await Promise.all(rows.map(({ product }) => priceOf(product)));
  res.json({ total: await inThread({ rows, prices, steps }) });
});
app.use(cancelling.errors);

const server = app.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));

async function priceOf(product) {
  const response = await fetch(`${process.env.PRICES}/${product}`);
  return (await response.json()).price;
}

async function inThread(data) {
  const worker = new Worker(new URL('thread.mjs', import.meta.url), { workerData: data });
  const [sum] = await once(worker, 'message');
  return sum;
}
