// For `nevermind bench --chain`: starts two services, makes calls of the first one, and ends them.
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** @type {import('nevermind/bench').StartChain} */
export async function start({ reportUrl }) {
  const services = [];
  const up = async (name, next = '') => {
    const env = { ...process.env, NAME: name, NEXT: next, BENCH_REPORT_URL: reportUrl };
    const service = fork(new URL('./service.mjs', import.meta.url), { env });
    services.push(service);
    const [url] = await once(service, 'message');
    return url;
  };
  const stock = await up('stock');
  const orders = await up('orders', stock);
  return {
    hops: ['orders', 'stock'],
    async call({ id, lasting, signal }) {
      const headers = { 'bench-call': id, ...(lasting && { 'bench-lasting': 'true' }) };
      const response = await fetch(orders, { headers, signal });
      if (!response.ok) throw new Error(`orders has answered ${response.status}`);
      return await response.text();
    },
    end() {
      for (const service of services) service.kill();
    },
  };
}
