// The floor: what it costs to do the work without anybody who could stop it.
import { AsyncLocalStorage } from 'node:async_hooks';
import { keep } from '../harness.ts';
import { each, once, type Peer } from './peer.ts';

const ten = Array.from({ length: 10 });

export const peer: Peer = {
  run: () => each(once),
  all: () => each(() => Promise.all(ten.map(once))),
  checkpoint: () => {
    const { signal } = new AbortController();
    return {
      run(ops) {
        for (let i = 0; i < ops; i++) signal.throwIfAborted();
      },
    };
  },
  current: () => {
    const storage = new AsyncLocalStorage<object>();
    const token = {};
    const ask = (): unknown => storage.getStore();
    return {
      run(ops) {
        for (let i = 0; i < ops; i++) keep(i, storage.run(token, ask));
      },
    };
  },
  cell: () => {
    const words = new Int32Array(new SharedArrayBuffer(4));
    let cancelled = 0;
    return {
      run(ops) {
        for (let i = 0; i < ops; i++) if (Atomics.load(words, 0) !== 0) cancelled++;
        keep(0, cancelled);
      },
    };
  },
};
