// What a request costs a server when nothing is cancelled: a client in one process, the server in another.
import type { Case, Experiment, Suite, Target } from './harness.ts';
import { GET, POST, price, rate } from './serve/experiments.ts';
import { fetching } from './serve/fetching.ts';
import {
  EXPRESS,
  FASTIFY,
  HONO,
  implementations,
  modules,
  NODE,
  OURS,
  PLAIN,
  SRVX,
  UNBOUND,
} from './serve/implementations.ts';
import type { Protocol } from './serve/site.ts';

interface Row extends Case {
  /** Left out: of all. */
  readonly of?: readonly string[];
  run(implementation: string): Promise<Experiment>;
}

const atLeast = (atLeast: number, ...against: string[]): Target => ({ atLeast, against });
const moduleOf = (implementation: string) => modules[implementation] as string;

/** Express has no HTTP/2. */
const H2C = [OURS, PLAIN, UNBOUND, NODE, HONO, SRVX, FASTIFY];
const WIDTHS = [1, 16, 128];

function of(protocol: Protocol): Row[] {
  const [words, floor, all] =
    protocol === 'h2c' ? (['h2c', 0.85, H2C] as const) : (['HTTP/1.1', 0.88, [...H2C, EXPRESS]] as const);
  const targets = [atLeast(floor, NODE), atLeast(1, HONO), atLeast(1, FASTIFY)];
  const priced = (id: string, title: string, ask: typeof GET): Row => ({
    id: `${protocol}-${id}`,
    title: `${words}, ${title}`,
    unit: 'µs',
    targets,
    of: all,
    run: (implementation) => price(moduleOf(implementation), protocol, ask),
  });
  const rated = (width: number): Row => ({
    id: `${protocol}-${width}`,
    title: `${words}, GET, ${width} at once`,
    unit: '/s',
    targets,
    of: all.filter((name) => name !== PLAIN && name !== UNBOUND),
    run: (implementation) => rate(moduleOf(implementation), protocol, width),
  });
  return [priced('get', 'GET', GET), priced('post', 'POST with JSON', POST), ...WIDTHS.map(rated)];
}

/** What there is already, and the same with our lines in it, which is ours here. */
function adopted(id: string, title: string, theirs: string, module: string): Row {
  return {
    id: `adopted-${id}`,
    title,
    unit: 'µs',
    targets: [atLeast(0.97, theirs)],
    of: [OURS, theirs],
    run: (implementation) => price(implementation === OURS ? module : moduleOf(implementation), 'http1', GET),
  };
}

const rows: readonly Row[] = [
  ...of('http1'),
  ...of('h2c'),
  adopted('node', 'node:http, and with `tokenOf`', NODE, 'node-token'),
  adopted('fastify', 'Fastify, and with its adapter', FASTIFY, 'fastify-token'),
  adopted('express', 'Express, and with its adapter', EXPRESS, 'express-token'),
  {
    id: 'fetch',
    title: '`fetch`, and with `createFetch` around it',
    unit: 'µs',
    targets: [atLeast(0.97, NODE)],
    of: [OURS, NODE],
    run: (implementation) => fetching(implementation === OURS ? 'createFetch' : 'alone'),
  },
  {
    id: 'fetch-signal',
    title: '`fetch` with an AbortSignal for each call, and with `createFetch` around it',
    unit: 'µs',
    targets: [atLeast(0.97, NODE)],
    of: [OURS, NODE],
    run: (implementation) => fetching(implementation === OURS ? 'createFetch' : 'signal'),
  },
];

export const suite: Suite = {
  name: 'serve',
  title: 'Serving, over loopback',
  method: `A client of raw sockets in one process, the server in another. A GET is answered with 27 bytes of JSON, a POST brings 14 bytes of it. Prices
are the processor's time of the serving process, of all its threads, for a request, with 16 under way; of \`fetch\` that of the calling one.
Of each round the best fifth counts. Where our lines are added to another server, ours is that server with them.`,
  words: { µs: 'Microseconds of processor for a request', '/s': 'Requests a second' },
  pace: { roundMs: 200, budgetMs: 15_000 },
  implementations,
  cases: rows,

  async subject(id, implementation): Promise<Experiment | undefined> {
    const row = rows.find((one) => one.id === id);
    if (row === undefined || modules[implementation] === undefined)
      throw new Error(`No case ${id} for ${implementation}`);
    return row.of?.includes(implementation) === false ? undefined : await row.run(implementation);
  },
};
