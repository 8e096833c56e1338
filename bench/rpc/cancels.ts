// What is measured of a cancel through a chain.
import type { Experiment, Settings } from '../harness.ts';
import { WARM_UP } from '../parts.ts';
import { Chain } from './chain.ts';
import type { Manner } from './peer.ts';

export interface Scene {
  readonly hops: number;
  /** Other calls that are under way through the whole chain meanwhile. */
  readonly load?: number;
  readonly manner?: Manner;
  /** Which of the cancels of a round counts: the one in the middle, as a rule. */
  readonly quantile?: number;
}

/** From a cancel by the caller until the last handler knows, in microseconds. */
export async function propagation(module: string, scene: Scene): Promise<Experiment> {
  const chain = await Chain.start(module, scene.hops, scene.manner);
  const { quantile = 0.5, load = 0 } = scene;
  const warmedUp = warmUp(chain);
  return {
    async measure(settings) {
      await warmedUp(settings);
      const [times] = await Promise.all([cancels(chain, settings), chain.greet(load, settings.roundMs)]);
      return at(times, quantile);
    },
    close: () => chain.close(),
  };
}

/** How much later the last handler knows with each hop more: of a chain of eight, and one of a single hop. */
export async function slope(module: string): Promise<Experiment> {
  const [short, long] = [await Chain.start(module, 1), await Chain.start(module, LONG)];
  const warmedUp = [warmUp(short), warmUp(long)];
  return {
    async measure(settings) {
      for (const one of warmedUp) await one(settings);
      const near = at(await cancels(short, settings), 0.5);
      return (at(await cancels(long, settings), 0.5) - near) / (LONG - 1);
    },
    async close() {
      await Promise.all([short.close(), long.close()]);
    },
  };
}

const LONG = 8;
const STORM = 500;

/** From the cancel of five hundred calls at once until the last handler of the last of them knows, in microseconds. */
export async function storm(module: string): Promise<Experiment> {
  const chain = await Chain.start(module, 3);
  return {
    measure: ({ maxOps }) => burst(chain, Math.min(STORM, maxOps)),
    close: () => chain.close(),
  };
}

/**
 * Cancels so many calls before the first cancel that counts: V8 compiles as it sees code run, and a service has seen thousands of
 * them when somebody looks at its latencies.
 */
function warmUp(chain: Chain): (settings: Settings) => Promise<void> {
  let warm = false;
  return async ({ maxOps }) => {
    if (!warm) await cancels(chain, { roundMs: WARM_UP.ms, maxOps: Math.min(WARM_UP.cancels, maxOps) });
    warm = true;
  };
}

/** Cancels so many calls at once. @returns when the last handler of the last of them knew, in microseconds */
async function burst(chain: Chain, count: number): Promise<number> {
  const calls = await Promise.all(chain.waits(count));
  const start = now();
  for (const { cancel } of calls) cancel();
  const heard = await Promise.all(calls.map(({ id }) => chain.last.stopped(id)));
  await Promise.all(calls.map(({ over }) => over));
  return (Math.max(...heard) - start) / 1000;
}

/** A storm after the other: what each of the cancels takes of that, in microseconds. One that is lost fails the round. */
export async function many(module: string, count: number): Promise<Experiment> {
  const chain = await Chain.start(module, 3);
  let warm = false;
  return {
    async measure({ maxOps }) {
      const total = Math.min(warm ? count : STORM, maxOps);
      warm = true;
      let spent = 0;
      for (let done = 0; done < total; done += STORM) spent += await burst(chain, Math.min(STORM, total - done));
      return spent / total;
    },
    close: () => chain.close(),
  };
}

const LEAST = 20;

/** One cancel after the other, for a round. @returns what each took, in microseconds */
async function cancels(chain: Chain, { roundMs, maxOps }: Settings): Promise<number[]> {
  const end = performance.now() + roundMs;
  const times: number[] = [];
  while ((performance.now() < end || times.length < LEAST) && times.length < maxOps) {
    const { id, cancel, over } = await chain.wait();
    const start = now();
    cancel();
    times.push(((await chain.last.stopped(id)) - start) / 1000);
    await over;
  }
  return times;
}

/** On the clock of the hops. */
function now(): number {
  return Number(process.hrtime.bigint());
}

function at(times: number[], quantile: number): number {
  times.sort((a, b) => a - b);
  return times[Math.min(Math.floor(times.length * quantile), times.length - 1)] as number;
}
