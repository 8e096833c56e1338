// How what a cancel takes grows with what it has to reach.
import type { Experiment, Settings, Subject, Suite } from './harness.ts';
import type { Peer } from './peers/peer.ts';
import { cancels } from './scaling/chain.ts';
import { cases, curves } from './scaling/curves.ts';

type Any = Peer<unknown, unknown, unknown, unknown>;

const OURS = 'nevermind';
const LISTENER = 'native, listener';
const ANY = 'native, any';
const FLOOR = 'node:http2';

/** Loaded one to a process. */
const peers: Record<string, () => Promise<{ peer: Partial<Any> }>> = {
  [OURS]: () => import('./peers/nevermind.ts'),
  [LISTENER]: () => import('./peers/native-listener.ts'),
  [ANY]: () => import('./peers/native-any.ts'),
};

const transports: Record<string, 'h2c' | 'floor'> = { [OURS]: 'h2c', [FLOOR]: 'floor' };

export const suite: Suite = {
  name: 'scaling',
  title: 'How it grows',
  method: `The time of one cancel from its beginning to its end in the first two, of one child in the third. In the others it goes from the
caller's cancel until the last hop's token is cancelled, the caller and each hop in a process of its own: the chain that \`nevermind bench\`
measures, the median of 40 cancels a round. The calls in flight do nothing; those at work take 20 ms each and come and go all the time.
Where there are more processes than cores, they wait for their turn as well, which bends the upper ends.

The slope is that of the straight line through the greater half of the points, three at least, where both axes are logarithmic: at 0
it stays the same, at 1 it grows as the size does, at 2 with its square.`,
  // Many points make a curve: what differs from one process to the next shows as the wobble of its line.
  pace: { roundMs: 20, budgetMs: 3_000, processes: 1 },
  implementations: [
    { name: OURS, setup: 'As in the core; the chain is `serve` and `createClient` over `http2Transport`, over h2c.' },
    { name: LISTENER, setup: 'As in the core: a controller for each child and a listener that forwards the abort.' },
    { name: ANY, setup: 'As in the core: `AbortSignal.any([parent])`.' },
    {
      name: FLOOR,
      setup: 'The floor of a chain: hops of bare node:http2, each of which resets its stream when it sees one reset.',
    },
  ],
  cases,
  curves,

  async subject(id, implementation, { maxOps }: Settings): Promise<Subject | Experiment | undefined> {
    const one = curves.find(({ points }) => points.some((point) => point.id === id));
    const size = one?.points.find((point) => point.id === id)?.size;
    if (one === undefined || size === undefined) throw new Error(`No case ${id}`);
    if ('chain' in one) {
      const transport = transports[implementation];
      return transport === undefined ? undefined : await cancels(transport, one.chain(size), maxOps);
    }
    const { peer } = (await peers[implementation]?.()) ?? {};
    return peer === undefined ? undefined : one.tree(peer as Any, Math.min(size, maxOps));
  },
};
