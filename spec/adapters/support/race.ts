import type { Rig } from './rivals.ts';

/** What came of queries that were cancelled about when they ended, and of the next ones on the same connection. */
export interface Race {
  readonly times: number;
  readonly stopped: number;
  readonly finished: number;
  /** Next queries that the cancel of the last one hit. */
  readonly killed: number;
  /** Anything else: there should be none. */
  readonly failed: number;
}

export interface Round {
  /** Takes that many milliseconds. */
  query(ms: number): string;
  /** Takes about one. */
  readonly next: string;
  readonly times: number;
  /** Something that takes a fraction of a millisecond: so many of it go by before a cancel. */
  tick(): Promise<unknown>;
}

const TICKS = 8;

/** Most end about when they are cancelled; one in ten has ended by then for sure, and one has not, however busy the machine is. */
const lasting = (time: number): number => (time % 10 === 4 ? 0 : time % 10 === 9 ? 40 : 2);

export async function race(rig: Rig, { query, next, times, tick }: Round): Promise<Race> {
  const found = { times, stopped: 0, finished: 0, killed: 0, failed: 0 };
  for (let time = 0; time < times; time++) {
    const started = rig.start(query(lasting(time)));
    // At least one: a cancel that comes before the query was sent is another matter.
    for (let ticks = 1 + (time % TICKS); ticks > 0; ticks--) await tick();
    started.cancel();
    const ending = await started.ending;
    if (ending === 'stopped') found.stopped++;
    else if (ending === 'value') found.finished++;
    else found.failed++;
    const innocent = await rig.next(next);
    if (innocent === 'stopped') found.killed++;
    else if (innocent === 'error') found.failed++;
  }
  return found;
}
