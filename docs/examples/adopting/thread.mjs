// The work on each piece of an order, which keeps a thread busy.
import { pbkdf2Sync } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';

const { rows, prices, steps } = workerData;
let total = 0;
for (const [index, { quantity }] of rows.entries()) {
  for (let piece = 0; piece < quantity; piece++) {
    pbkdf2Sync('a piece', 'takes a while', 1_000, 64, 'sha512');
    Atomics.add(steps, 0, 1);
    total += prices[index];
  }
}
parentPort.postMessage(total);
