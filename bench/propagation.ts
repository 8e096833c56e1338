// A cancel by the caller, through a chain of hops, each in a process of its own.
import type { Case, Experiment, Suite, Target } from './harness.ts';
import { many, propagation, type Scene, slope, storm } from './rpc/cancels.ts';
import { ABORT, BARE, CONNECT, GLOBAL, GRPC, implementations, modules, OURS } from './rpc/implementations.ts';

interface Row extends Case {
  /** Left out: of all. */
  readonly of?: readonly string[];
  run(module: string): Promise<Experiment>;
}

/** Ours may take so many times theirs. */
const atMost = (times: number, ...against: string[]): Target => ({ atLeast: 1 / times, against });

function row(id: string, title: string, targets: readonly Target[], scene: Scene, of?: readonly string[]): Row {
  const row = { id, title, unit: 'µs' as const, targets, run: (module: string) => propagation(module, scene) };
  return of === undefined ? row : { ...row, of };
}

const FLOOR = [OURS, BARE, ABORT];
const THREE = [atMost(1.25, BARE), atMost(0.55, GRPC), atMost(0.45, CONNECT)];
const OVER_FETCH = 'three-fetch';
/** Of a round; there are twelve of them. */
const MANY = 8_400;

const rows: readonly Row[] = [
  row('three-idle', 'Three hops, idle', THREE, { hops: 3 }),
  row('three-load', 'Three hops, 16 other calls under way', THREE, { hops: 3, load: 16 }, [...FLOOR, GRPC, CONNECT]),
  row(
    'three-deadline',
    'Three hops, a deadline at each',
    [atMost(1.35, BARE)],
    { hops: 3, manner: { deadline: true } },
    FLOOR,
  ),
  row(
    'three-signal',
    'Three hops, an AbortSignal at each',
    [atMost(1.5, BARE)],
    { hops: 3, manner: { signal: true } },
    FLOOR,
  ),
  row('three-p99', 'Three hops, idle, 99 of 100', [atMost(1.3, BARE)], { hops: 3, quantile: 0.99 }, FLOOR),
  row('one', 'One hop', [], { hops: 1 }, FLOOR),
  row('eight', 'Eight hops', [], { hops: 8 }, FLOOR),
  {
    id: 'slope',
    title: 'Each hop more, from one to eight',
    unit: 'µs',
    targets: [atMost(1.25, BARE)],
    of: FLOOR,
    run: slope,
  },
  { id: 'storm', title: '500 calls at once, three hops', unit: 'µs', targets: [atMost(1.6, BARE)], run: storm },
  {
    id: 'many',
    title: '100,000 cancels, 500 at once, each',
    unit: 'µs',
    targets: [atMost(1.6, BARE)],
    of: [OURS, BARE],
    run: (module) => many(module, MANY),
  },
  row(OVER_FETCH, 'Three hops of `fetch`', [atMost(1.05, GLOBAL)], { hops: 3 }, [OURS, GLOBAL]),
];

export const suite: Suite = {
  name: 'propagation',
  title: 'A cancel through a chain of services',
  method: `From the caller's cancel until the last hop's handler knows, each hop in a process of its own, on the machine's one monotonic
clock: the median of the cancels of a round. A cancel that does not arrive within five seconds fails the case.`,
  words: { µs: 'Microseconds' },
  pace: { roundMs: 300, budgetMs: 45_000 },
  implementations,
  cases: rows,

  async subject(id, implementation): Promise<Experiment | undefined> {
    const row = rows.find((one) => one.id === id);
    const module = modules[implementation];
    if (row === undefined || module === undefined) throw new Error(`No case ${id} for ${implementation}`);
    if (row.of !== undefined && !row.of.includes(implementation)) return undefined;
    return await row.run(id === OVER_FETCH && implementation === OURS ? 'nevermind-fetch' : module);
  },
};
