import {
  CancellationSource,
  type CancellationToken,
  checkpoint,
  run,
  suspendForever,
  type Task,
  waitAll,
  waitAny,
} from 'nevermind';
import { currentToken, runWithToken } from 'nevermind/ambient';
import { keep, type Subject } from '../harness.ts';
import { each, once, type Peer } from './peer.ts';

const { token } = new CancellationSource();
const options = { token };
const three: Task<number>[] = [suspendForever, once, suspendForever];
const ten: Task<number>[] = Array.from({ length: 10 }, () => once);

export const peer: Peer = {
  run: () => each(() => run(once, options)),
  fork: () => each(() => stopped(once)),
  cancel: () => each(() => stopped(suspendForever)),
  any: () => each(() => waitAny(three, options)),
  all: () => each(() => waitAll(ten, options)),
  checkpoint: looked,
  checkpointBytes: () => ({ ops: 1_000_000, ...looked() }),
  current: () => ({
    run(ops) {
      for (let i = 0; i < ops; i++) keep(i, runWithToken(token, currentToken));
    },
  }),
};

function stopped(task: Task<number>): PromiseLike<unknown> {
  const running = run(task, options);
  running.cancel();
  return running;
}

/** A round is longer than a thread may be busy: what is due then is due once, in millions. */
function looked(): Subject {
  let yields = 0;
  const look = (at: CancellationToken): void => {
    if (checkpoint(at) !== undefined) yields++;
  };
  return {
    run(ops) {
      for (let i = 0; i < ops; i++) look(token);
      keep(0, yields);
    },
  };
}
