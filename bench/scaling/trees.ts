// Cancels of whole trees of one size, and what a child costs beside so many others.
import { number } from '../format.ts';
import { build, keep, type Subject } from '../harness.ts';
import type { Peer } from '../peers/peer.ts';

/** Small trees are cancelled several at once: one alone would be over before the clock can tell. */
const AT_ONCE = 1_000;

/** How the work of one size is made of what an implementation can do; an operation is a whole cancel. */
export type Sized = <S, T, C, R>(peer: Peer<S, T, C, R>, size: number) => Subject;

/** A chain of so many levels, or so many children of one root, with a callback each. */
const cancelled =
  (deep: boolean): Sized =>
  (peer, size) => {
    let roots: ReturnType<typeof peer.root>[] = [];
    let heard = 0;
    const callback = (): void => {
      heard++;
    };
    return {
      ops: Math.ceil(AT_ONCE / size),
      prepare(trees) {
        heard = 0;
        roots = Array.from({ length: trees }, () => peer.root());
        const held = new Array(trees * size);
        keep(0, held);
        let above = peer.token(peer.root());
        enough(held.length, (i) => {
          if (i % size === 0) above = peer.token(roots[i / size] as (typeof roots)[0]);
          const child = peer.child(above);
          const token = peer.childToken(child);
          peer.register(token, callback);
          held[i] = child;
          if (deep) above = token;
        });
      },
      run(trees) {
        for (const root of roots) peer.cancel(root);
        const all = trees * size;
        if (heard !== all) throw new Error(`${number(heard)} of ${number(all)} heard of it`);
      },
    };
  };

export const deep: Sized = cancelled(true);
export const wide: Sized = cancelled(false);

const nothing = (): void => {};

/** Links a child with a callback and takes both back, with so many others linked to the same parent all the while. */
export const beside: Sized = (peer, size) => {
  const parent = peer.token(peer.root());
  const begin = () => {
    const child = peer.child(parent);
    const token = peer.childToken(child);
    return { child, token, registration: peer.register(token, nothing) };
  };
  const others = new Array(size - 1);
  enough(size - 1, (i) => {
    others[i] = begin();
  });
  return {
    run(ops) {
      keep(0, others);
      for (let i = 0; i < ops; i++) {
        const { child, token, registration } = begin();
        keep(1 + (i & 7), registration);
        peer.unregister(registration, token, nothing);
        peer.close(child);
      }
    },
  };
};

/** @throws Error with the number that could be made in the time that there is */
function enough(count: number, make: (i: number) => void): void {
  const made = build(count, make);
  if (made < count) throw new Error(`3 s for the first ${number(made)}`);
}
