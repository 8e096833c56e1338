// Servers that hold requests, and clients that leave.
import type { Case, Experiment, Suite } from './harness.ts';
import { held, leaving } from './serve/experiments.ts';
import { EXPRESS, implementations, modules, NODE, PLAIN, UNBOUND } from './serve/implementations.ts';
import type { Protocol } from './serve/site.ts';

interface Row extends Case {
  readonly protocol: Protocol;
  run(module: string, protocol: Protocol): Experiment | Promise<Experiment>;
}

const rows: readonly Row[] = (['http1', 'h2c'] as const).flatMap((protocol): Row[] => {
  const [words, deed] = protocol === 'h2c' ? ['h2c', 'resets its stream'] : ['HTTP/1.1', 'closes its connection'];
  return [
    { id: `${protocol}-leave`, title: `${words}, a client ${deed}`, unit: 'µs', targets: [], protocol, run: leaving },
    {
      id: `${protocol}-held`,
      title: `${words}, 10,000 requests held, each`,
      unit: 'B',
      targets: [{ against: [NODE], atLeast: 1 / 1.3 }],
      protocol,
      run: held,
    },
  ];
});

export const suite: Suite = {
  name: 'serve-held',
  title: 'Serving, requests that wait',
  method: `The servers of the chapter before. From a client's leaving until the handler that waits has been told, on the machine's one
monotonic clock: the median of the leavings of a round, one after the other. Memory is what the serving process grows by, all of it, after a collection.`,
  words: { µs: 'Microseconds', B: 'Bytes of resident memory for each request' },
  pace: { roundMs: 100, budgetMs: 60_000 },
  implementations: implementations.filter(({ name }) => name !== PLAIN && name !== UNBOUND),
  cases: rows,

  async subject(id, implementation): Promise<Experiment | undefined> {
    const row = rows.find((one) => one.id === id);
    const module = modules[implementation];
    if (row === undefined || module === undefined) throw new Error(`No case ${id} for ${implementation}`);
    if (implementation === EXPRESS && row.protocol === 'h2c') return undefined;
    return await row.run(module, row.protocol);
  },
};
