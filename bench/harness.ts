// What a benchmark is made of: a suite lists implementations and cases, and each pair of them is measured in a process of
// its own. In one process, the second implementation would run on code that V8 has already specialised for the first.
//
//     main ── measure(suite) ── forks a worker for each implementation of a case, and lets them take turns
//     worker ── suite.subject(case, implementation) ── warms up, then does a round whenever it is told to
//
// To write a suite: export `suite` from bench/<name>.ts and give it a line in suites.ts. What is reported is the ratio
// of one run, round by round, so that a busy machine slows both: how many times better ours is than theirs.

import type { Curve } from './curve.ts';

/** The work of one case as one implementation does it. Whatever it makes must escape: see {@link keep}. */
export interface Subject {
  /** How many operations one `run` does; left out, the harness finds how many fill a round. */
  readonly ops?: number;
  /** It waits, for a timer or another thread: the clock on the wall counts, and not the processor's time alone. */
  readonly waits?: boolean;
  /** Makes what the next `run` needs; is not measured. May return a promise. */
  prepare?(ops: number): unknown;
  /**
   * Does so many operations; is measured. May return a promise, which is measured too.
   *
   * @returns a number: how many it did, where all of them would have taken too long
   * @throws Error with a few words for the table: what went wrong ("stack overflow")
   */
  run(ops: number): unknown;
  /** Ends what it has started. */
  close?(): unknown;
}

/** How much a round should do. */
export interface Settings {
  /** Milliseconds that a round should measure. */
  readonly roundMs: number;
  /** A smoke run does no more operations than so at once. */
  readonly maxOps: number;
}

/**
 * The work of a case that the worker's own clock and heap can't measure, as it is done by other processes: a server under load,
 * a chain of hops. It measures itself.
 */
export interface Experiment {
  /** Does one round. @returns the figure, in the case's unit */
  measure(settings: Settings): Promise<number>;
  /** Ends what it has started. A worker may also be killed: its own processes must not outlive that. */
  close(): unknown;
}

/** What figures are counted in: time, rate, memory. */
export type Unit = 'ns' | 'µs' | '/s' | 'B';

/** Of two figures the better one is the lesser, but for a rate. */
export function moreIsBetter(unit: Unit): boolean {
  return unit === '/s';
}

/** A row of the table. */
export interface Case {
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  readonly targets: readonly Target[];
}

/** What is to be reached: a ratio to the best of the implementations named, or a figure of our own. */
export type Target =
  | {
      readonly against: readonly string[];
      /** How many times better ours is: their time or memory over ours, our rate over theirs. */
      readonly atLeast: number;
      /** Where Node 20 has another one: its native signals are an order slower than those of later lines. */
      readonly onNode20?: number;
    }
  | { readonly atMost: number };

export interface Implementation {
  readonly name: string;
  /** The package whose version the table shows; none: it comes with Node. */
  readonly package?: string;
  /** How it is set up, as its own documentation says. */
  readonly setup: string;
}

export interface Suite {
  readonly name: string;
  readonly title: string;
  /** How it is measured, where a reader of the report has to know. */
  readonly method?: string;
  /** What a figure is of, by its unit, as a heading of the report; where the usual words won't do. */
  readonly words?: Partial<Record<Unit, string>>;
  readonly pace?: Pace;
  /** Ours first. */
  readonly implementations: readonly Implementation[];
  readonly cases: readonly Case[];
  /** Where cases differ in their size alone: the report shows how what they take grows, in place of a table of them. */
  readonly curves?: readonly Curve[];
  /** Called in the worker, which must load this implementation alone; undefined: it has nothing of the kind. */
  subject(id: string, implementation: string, settings: Settings): Promise<Subject | Experiment | undefined>;
}

/** Where rounds have to be longer than usual, or fewer. */
export interface Pace {
  /** Milliseconds for a round. */
  readonly roundMs: number;
  /** Milliseconds for all rounds that an implementation gets in a case. */
  readonly budgetMs: number;
  /** Processes for each implementation in a case, one after the other. */
  readonly processes?: number;
}

export function oursIn({ implementations: [ours] }: Suite): string {
  if (ours === undefined) throw new Error('A suite has implementations, ours first.');
  return ours.name;
}

/** One figure a round, in the case's unit; `only` so many operations at once, where the case has more. */
export type Figure = { readonly rounds: readonly number[]; readonly only?: number } | { readonly failed: string };

/** What one run has found, as it is stored. */
export interface Results {
  readonly suite: string;
  readonly node: string;
  readonly cpu: string;
  readonly measured: string;
  readonly seconds: number;
  /** By package. */
  readonly versions: Readonly<Record<string, string>>;
  /** By case, then by implementation. */
  readonly figures: Readonly<Record<string, Readonly<Record<string, Figure>>>>;
}

const ring: unknown[] = new Array(16).fill(undefined);

/**
 * Lets a value escape: V8 would not even make an object that nobody can ever see. A few at a time, as what is still held
 * when the nursery is full is copied, and all figures would pay for that.
 */
export function keep(i: number, value: unknown): void {
  ring[i & 15] = value;
}

const ENOUGH_US = 3_000_000;

/**
 * Calls `make` so many times, for three seconds at most: who is slow at it shows by how far it came.
 *
 * @returns how many times
 */
export function build(count: number, make: (i: number) => void): number {
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    if ((i & 255) === 0 && process.cpuUsage(start).user > ENOUGH_US) return i;
    make(i);
  }
  return count;
}
