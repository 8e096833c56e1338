// The same as in jobs.mjs, once somebody has opened the gate: until then the thread is loading it.
import { workerData } from 'node:worker_threads';

export { default } from './jobs.mjs';

Atomics.wait(workerData.gate, 0, 0);
