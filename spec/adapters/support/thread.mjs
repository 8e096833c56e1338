// A worker to be ended; `workerData` says what it does.
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { startWorker, workerToken } from 'nevermind/adapters/worker-threads';

const token = workerToken();
const say = (message) => parentPort.postMessage(message);

const ways = {
  /** Turns no event loop. */
  busy() {
    say('ready');
    while (!token.cancelled);
    say(token.reason);
  },
  throws() {
    say('ready');
    for (;;) token.throwIfCancelled();
  },
  /** Survives the stop, and dies of what it has not foreseen. */
  survives() {
    process.once('uncaughtException', () => setImmediate(ways.fails));
    ways.throws();
  },
  stubborn() {
    setInterval(() => {}, 1_000);
    say('ready');
  },
  fails() {
    throw new RangeError('out of range');
  },
  code() {
    process.exit(7);
  },
  none() {
    say({ none: !token.canBeCancelled, same: token === workerToken() });
  },
  /** The work goes on in a thread of the thread. */
  nested(inner) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { way: inner } });
    worker.on('message', say);
  },
  async child() {
    const worker = startWorker(new URL(import.meta.url), { workerData: { way: 'busy' }, token });
    worker.on('message', say);
    say((await worker.ended).kind);
  },
};
ways[workerData.way](workerData.inner);
