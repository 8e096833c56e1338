import { all, forever, race, run } from 'abort-controller-x';
import { each, once, type Peer } from './peer.ts';

const { signal } = new AbortController();
const ten = Array.from({ length: 10 });

async function discard(): Promise<void> {
  await once();
}

export const peer: Peer = {
  // It hands out what aborts and waits; to be told of the end alone there is no other way.
  run: () => each(() => run(discard)()),
  fork: () => each(() => run(discard)()),
  cancel: () => each(() => run(forever)()),
  any: () => each(() => race(signal, (inner) => [forever(inner), once(), forever(inner)])),
  all: () => each(() => all(signal, () => ten.map(once))),
};
