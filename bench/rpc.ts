// Calls that are answered, and calls that are held: a client in the worker, a server in a process of its own.
import type { Case, Experiment, Suite, Target } from './harness.ts';
import { held, rate } from './rpc/experiments.ts';
import { ABORT, BARE, CONNECT, GRPC, implementations, modules } from './rpc/implementations.ts';

const atLeast = (atLeast: number, ...against: string[]): Target => ({ atLeast, against });

const WIDTHS = [1, 16];
const HELD = 'held';

const cases: readonly Case[] = [
  ...WIDTHS.map(
    (width): Case => ({
      id: `unary-${width}`,
      title: `Unary, ${width} at once`,
      unit: '/s',
      targets: width === 16 ? [atLeast(0.8, BARE), atLeast(1.8, GRPC), atLeast(4, CONNECT)] : [],
    }),
  ),
  { id: HELD, title: '10,000 calls held, each', unit: 'B', targets: [atLeast(1 / 1.2, BARE)] },
];

export const suite: Suite = {
  name: 'rpc',
  title: 'Calls, over loopback',
  method: `A client in one process, a server in another; a greeting of some 30 bytes each way. Where theirs is a client alone, the server is
node:http2, or node:http. Of each round the best fifth counts.`,
  words: { '/s': 'Calls a second', B: "Bytes of the server's heap for each call" },
  pace: { roundMs: 1_000, budgetMs: 30_000 },
  // Nothing is cancelled here.
  implementations: implementations.filter(({ name }) => name !== ABORT),
  cases,

  async subject(id, implementation): Promise<Experiment> {
    const module = modules[implementation];
    if (module === undefined) throw new Error(`No implementation ${implementation}`);
    return id === HELD ? held(module) : await rate(module, Number(id.split('-')[1]));
  },
};
