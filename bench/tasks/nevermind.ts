import { CancellationSource, checkpoint, run, suspendForever, type Task, waitAll, waitAny } from 'nevermind';
import { currentToken, runWithToken } from 'nevermind/ambient';
import { shareToken, tokenFromCell } from 'nevermind/thread';
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
  cell: () => {
    const shared = tokenFromCell(shareToken(token).cell);
    let cancelled = 0;
    return {
      run(ops) {
        for (let i = 0; i < ops; i++) if (shared.cancelled) cancelled++;
        keep(0, cancelled);
      },
    };
  },
};

function stopped(task: Task<number>): PromiseLike<unknown> {
  const running = run(task, options);
  running.cancel();
  return running;
}

/** A round is longer than a thread may be busy, so that some are due: those are awaited, as in any loop. */
function looked(): Subject {
  return {
    async run(ops) {
      for (let i = 0; i < ops; i++) {
        const due = checkpoint(token);
        if (due !== undefined) await due;
      }
    },
  };
}
