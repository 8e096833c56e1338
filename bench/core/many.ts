// Cases with a whole tree: wide, deep, or dropped without a word.
import { number } from '../format.ts';
import { build, keep } from '../harness.ts';
import type { Make } from './make.ts';

/** Children with a callback each; then the root is cancelled. An operation is a child. */
export const wide =
  (width: number): Make =>
  (peer) => {
    let root = peer.root();
    let children = 0;
    let heard = 0;
    const callback = (): void => {
      heard++;
    };
    return {
      ops: width,
      prepare(ops) {
        root = peer.root();
        heard = 0;
        const parent = peer.token(root);
        const held = new Array(ops);
        keep(0, held);
        children = build(ops, (i) => {
          const child = peer.child(parent);
          peer.register(peer.childToken(child), callback);
          held[i] = child;
        });
      },
      run() {
        peer.cancel(root);
        if (heard !== children) throw new Error(`${number(heard)} of ${number(children)} heard of it`);
        return children;
      },
    };
  };

/** Each the child of the one before, with a callback each; then the first is cancelled. An operation is a level. */
export const deep =
  (depth: number): Make =>
  (peer) => {
    let root = peer.root();
    let levels = 0;
    let heard = 0;
    const callback = (): void => {
      heard++;
    };
    return {
      ops: depth,
      prepare(ops) {
        root = peer.root();
        heard = 0;
        let token = peer.token(root);
        const held = new Array(ops);
        keep(0, held);
        levels = build(ops, (i) => {
          const child = peer.child(token);
          held[i] = child;
          token = peer.childToken(child);
          peer.register(token, callback);
        });
      },
      run() {
        peer.cancel(root);
        if (heard !== levels) throw new Error(`${number(heard)} of ${number(levels)} heard of it`);
        return levels;
      },
    };
  };

/** Children of a live root that nobody listens to, closes or holds. */
export const dropped =
  (count: number): Make =>
  (peer) => {
    const root = peer.root();
    const parent = peer.token(root);
    return {
      ops: count,
      run(ops) {
        const made = build(ops, (i) => keep(i, peer.child(parent)));
        // What the ring holds of them is not what the root keeps.
        for (let i = 0; i < 16; i++) keep(i, root);
        return made;
      },
    };
  };
