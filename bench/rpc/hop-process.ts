// A process that serves, alone or as one hop of a chain: `node hop-process.js MODULE NEXT MANNER`.
import type { ToHop, ToWorker } from './hop.ts';
import type { Peer } from './peer.ts';

const [module, next, manner] = process.argv.slice(2) as [string, string, string];

const send = (message: ToWorker): void => void process.send?.(message);
/** On the one monotonic clock that all processes of a machine have, in nanoseconds. */
const now = (): number => Number(process.hrtime.bigint());

process.on('disconnect', () => process.exit());
process.on('message', async (message: ToHop) => {
  if (message !== 'heap') return;
  // With turns of the event loop between: what has finalizers goes only when these have run.
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  send({ heap: process.memoryUsage().heapUsed });
});

const { peer } = (await import(`./${module}.js`)) as { peer: Peer };
const told = {
  entered: (id: number) => send({ entered: id }),
  stopped: (id: number) => send({ stopped: id, at: now() }),
};
send({ port: await peer.serve(told, next === '' ? undefined : Number(next), JSON.parse(manner)) });
