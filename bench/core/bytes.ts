// What stays on the heap for each live object. All of them are held until the heap has been weighed.
import { build, keep, type Subject } from '../harness.ts';
import type { Make } from './make.ts';

const COUNT = 50_000;
const THIRTY_SECONDS = 30_000;

const nothing = (): void => {};

/** The slots are there before the weighing begins. */
function hold(make: (i: number) => [unknown, unknown]): Subject {
  const first = new Array(COUNT).fill(undefined);
  const second = new Array(COUNT).fill(undefined);
  return {
    ops: COUNT,
    prepare() {
      keep(0, first.fill(undefined));
      keep(1, second.fill(undefined));
    },
    run(ops) {
      return build(ops, (i) => {
        [first[i], second[i]] = make(i);
      });
    },
  };
}

export const roots: Make = (peer) =>
  hold(() => {
    const root = peer.root();
    return [root, peer.token(root)];
  });

export const children: Make = (peer) => {
  const parent = peer.token(peer.root());
  return hold(() => {
    const child = peer.child(parent);
    return [child, peer.childToken(child)];
  });
};

export const listeners: Make = (peer) => {
  const parent = peer.token(peer.root());
  return hold(() => {
    const child = peer.child(parent);
    return [child, peer.register(peer.childToken(child), nothing)];
  });
};

export const deadlines: Make = (peer) => {
  const parent = peer.token(peer.root());
  return hold(() => {
    const child = peer.request(parent, THIRTY_SECONDS);
    return [child, peer.childToken(child)];
  });
};
