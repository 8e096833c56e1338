// In the worker: one implementation's rounds of one case.
import type { Experiment, Settings, Subject, Unit } from './harness.ts';

/** What one round has found: a figure in the case's unit, and of how many operations when it should have been more. */
export interface Round {
  readonly figure: number;
  readonly only?: number;
}

const WARM_UP_MS = 120;

const collect: () => void = globalThis.gc ?? (() => {});

/** Warms up. @returns what does a round, and the last of the warm-up: a figure for what is too slow to be asked again */
export async function rounds(
  subject: Subject | Experiment,
  unit: Unit,
  settings: Settings,
): Promise<{ next: () => Promise<Round>; warm: Round }> {
  if ('measure' in subject) {
    const next = async (): Promise<Round> => ({ figure: await subject.measure(settings) });
    return { next, warm: await next() };
  }
  if (unit === 'B') {
    const next = (): Promise<Round> => weigh(subject, settings);
    return { next, warm: await next() };
  }
  const next = await timed(subject, settings);
  const end = performance.now() + Math.min(WARM_UP_MS, settings.roundMs * 10);
  let warm = await next();
  while (performance.now() < end) warm = await next();
  return { next, warm };
}

async function timed(subject: Subject, settings: Settings): Promise<() => Promise<Round>> {
  if (subject.ops === undefined) {
    let ops = 16;
    while (ops < settings.maxOps && (await time(subject, ops)).ms < settings.roundMs) ops *= 2;
    return async () => perOp(await time(subject, ops), ops);
  }
  const ops = Math.min(subject.ops, settings.maxOps);
  return async () => {
    const sum = { ms: 0, ops: 0 };
    const end = performance.now() + 4 * settings.roundMs;
    do {
      const one = await time(subject, ops);
      sum.ms += one.ms;
      sum.ops += one.ops;
    } while (sum.ms < settings.roundMs && performance.now() < end);
    return perOp(sum, ops);
  };
}

/**
 * The processor's time where that is less than what the clock says: then the process was waiting for its turn, on a
 * machine that others use too. Where it is more, other threads of V8 have worked at the same time.
 */
async function time(subject: Subject, ops: number): Promise<{ ms: number; ops: number }> {
  await subject.prepare?.(ops);
  const cpu = process.cpuUsage();
  const start = performance.now();
  // Awaited only when there is something to wait for: a turn of the microtask queue would be in every figure.
  let done = subject.run(ops);
  if (done instanceof Promise) done = await done;
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const ms = subject.waits ? wall : Math.min(wall, (user + system) / 1000);
  return { ms, ops: typeof done === 'number' ? done : ops };
}

function perOp({ ms, ops }: { ms: number; ops: number }, asked: number): Round {
  const figure = (ms * 1e6) / ops;
  return ops < asked ? { figure, only: ops } : { figure };
}

async function weigh(subject: Subject, settings: Settings): Promise<Round> {
  const asked = Math.min(subject.ops ?? 10_000, settings.maxOps);
  await subject.prepare?.(asked);
  const before = await heap();
  const done = await subject.run(asked);
  const after = await heap();
  const ops = typeof done === 'number' ? done : asked;
  const figure = (after - before) / ops;
  return ops < asked ? { figure, only: ops } : { figure };
}

/** Several times, with turns of the event loop between: what has finalizers goes only when these have run. */
async function heap(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  collect();
  return process.memoryUsage().heapUsed;
}
