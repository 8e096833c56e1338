// Threads in a loop that never lets the event loop turn: what a look at the token costs them, and how long after a cancel they have
// noticed. In a clone, after `npm run build`: node docs/examples/hot-loop.mjs [threads] [polls] [cancels]
import { availableParallelism } from 'node:os';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { CancellationSource } from 'nevermind/core';
import { shareToken, tokenFromCell } from 'nevermind/thread';

/** Of one clock for all threads, in nanoseconds. */
const now = () => process.hrtime.bigint();

if (isMainThread) lead(...[8, 20_000_000, 50].map((usual, at) => Number(process.argv[2 + at] ?? usual)));
else crunch(workerData);

function lead(threads, polls, cancels) {
  const sources = Array.from({ length: cancels + 1 }, () => new CancellationSource());
  const cells = sources.map(({ token }) => shareToken(token).cell);
  /** How many threads have come to each step; before the last they wait for a word from here. */
  const steps = new Int32Array(new SharedArrayBuffer(4 * (cancels + 3)));
  const noticed = new BigInt64Array(new SharedArrayBuffer(8 * threads));
  for (let index = 0; index < threads; index++)
    new Worker(new URL(import.meta.url), { workerData: { cells, steps, noticed, index, polls } });
  const all = (step) => {
    for (let some = 0; some < threads; some = Atomics.load(steps, step)) Atomics.wait(steps, step, some);
  };
  all(0);
  const before = process.cpuUsage();
  Atomics.store(steps, steps.length - 1, 1);
  Atomics.notify(steps, steps.length - 1);
  all(1);
  const { user, system } = process.cpuUsage(before);
  const late = sources.slice(1).map((source, round) => {
    Atomics.wait(steps, 0, threads, 2); // Two milliseconds in which they are all busy.
    const cancelled = now();
    source.cancel('SHUTDOWN');
    all(round + 2);
    return [...noticed].map((at) => Number(at - cancelled) / 1_000).sort((a, b) => a - b);
  });
  const median = (at) =>
    late
      .map((one) => one.at(at))
      .sort((a, b) => a - b)
      [cancels >> 1].toFixed(1);
  print(`${threads} threads on ${availableParallelism()} cores, ${cancels} cancels`);
  print(`a poll: ${(((user + system) * 1_000) / (threads * polls)).toFixed(1)} ns`);
  print(`noticed: by the first thread after ${median(0)} µs, by all after ${median(-1)} µs`);
}

function crunch({ cells: [first, ...rest], steps, noticed, index, polls }) {
  const token = tokenFromCell(first);
  const said = (step) => {
    Atomics.add(steps, step, 1);
    Atomics.notify(steps, step);
  };
  said(0);
  Atomics.wait(steps, steps.length - 1, 0);
  for (let i = 0; i < polls; i++) if (token.cancelled) return;
  said(1);
  for (const [round, cell] of rest.entries()) {
    const token = tokenFromCell(cell);
    while (!token.cancelled);
    noticed[index] = now();
    said(round + 2);
  }
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
