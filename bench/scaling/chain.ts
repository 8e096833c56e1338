// Cancels through a chain of processes: the chain of `nevermind bench`, and its floor of bare node:http2.

import { CancellationSource, type CancellationToken } from 'nevermind/core';
import { type ChainOptions, Rounds, type Subject, startSubject } from '#measure';
import type { Experiment } from '../harness.ts';

export interface Scene {
  readonly hops: number;
  /** Other calls that are held by all hops meanwhile, and do nothing. */
  readonly held?: number;
  /** Other calls that come and go all the time, each a step of work at the last hop. */
  readonly load?: number;
}

const STEP_MS = 20;
/** Of work that is never done while anybody measures. */
const IDLE_MS = 3_600_000;
const CANCELS = 40;
const WARM_UP = 40;
const PATIENCE_MS = 10_000;

/** From a cancel by the caller until the last hop's token is cancelled, in microseconds: the median of a round of cancels. */
export async function cancels(transport: ChainOptions['transport'], scene: Scene, maxOps: number): Promise<Experiment> {
  const stop = new CancellationSource();
  const { hops, held = 0, load = 0 } = scene;
  const stepMs = held > 0 ? IDLE_MS : STEP_MS;
  const plain = { port: 0, propagate: true, stepMs, ownStepMs: 0, token: stop.token };
  const subject = await startSubject({ hops, ...plain, ...(transport === undefined ? {} : { transport }) });
  const rounds = new Rounds(subject, { at: 'working', patienceMs: PATIENCE_MS });
  const some = async (count: number): Promise<number> => {
    for (let n = 0; n < Math.min(count, maxOps); n++) await rounds.cancelOne();
    return median(rounds.done.slice(-Math.min(count, maxOps)).map(({ heard }) => heard.at(-1)));
  };
  await hold(subject, Math.min(held, maxOps), stop.token);
  if (load > 0) subject.load(Math.min(load, maxOps));
  await some(WARM_UP);
  return {
    measure: () => some(CANCELS),
    close: () => subject.end(),
  };
}

/** So many calls go out at once: a client of the floor, that leaves a session for the next one, loses what is not under way by then. */
const AT_ONCE = 100;

/** Resolves when the last hop has all of them. */
async function hold({ hops, board, call }: Subject, count: number, token: CancellationToken): Promise<void> {
  const there = new Set<string>();
  board.onVisit = (visit) => {
    if (visit.hop === hops.at(-1)) there.add(visit.call);
  };
  for (let n = 1; n <= count; n++) {
    call({ call: `held-${n}`, steps: 1, timeoutMs: IDLE_MS });
    if (n % AT_ONCE === 0 || n === count) await board.until(() => there.size === n, token);
  }
  board.onVisit = undefined;
}

function median(ms: readonly (number | null | undefined)[]): number {
  if (ms.some((one) => one == null)) throw new Error('a cancel never arrived');
  const sorted = ms.filter((one) => one != null).sort((a, b) => a - b);
  return (sorted[sorted.length >> 1] as number) * 1000;
}
