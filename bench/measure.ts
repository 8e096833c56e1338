// Leads a run: case after case, the implementations of a case by turns, so that whatever else the machine does hits all
// of them alike.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import type { CancellationToken } from 'nevermind/core';
import { Contender } from './contender.ts';
import type { Case, Figure, Pace, Results, Suite } from './harness.ts';
import { Remote } from './remote.ts';

export interface Options {
  /** The binary of the Node to measure. */
  readonly node: string;
  /** A smoke run: one short round of few operations, with one process for all cases. */
  readonly quick: boolean;
  /** Of these cases alone; empty: of all. */
  readonly only: readonly string[];
  /** Of these implementations alone; empty: of all. */
  readonly of: readonly string[];
  /** Stops the run; what was measured by then is returned. */
  readonly token: CancellationToken;
  progress(text: string): void;
}

/** Processes for each implementation: what V8 inlines differs from one to the next, and with it the time by a half. */
const PROCESSES = { ns: 3, µs: 3, '/s': 3, B: 1 };
const ROUNDS = 4;
const PACE = { roundMs: 20, budgetMs: 3000 };
/** So few operations as the slowest does in no time: one peer's chain of fifty takes minutes to cancel. */
const SMOKE = { roundMs: 0.1, maxOps: 16 };
/** Who takes four times as long for one answer as for all of them has failed: the run is to end in some minutes. */
const PATIENCE = 4;
/** A smoke run has the time. */
const QUICK_LIMIT_MS = 60_000;
/** On a machine that has other things to do, everything may take longer. */
const crowd = Math.max(1, (loadavg()[0] ?? 0) / cpus().length);

export async function measure(suite: Suite, options: Options): Promise<Results> {
  const start = performance.now();
  const where = circumstances(suite, options.node);
  const figures: Record<string, Record<string, Figure>> = {};
  const workers = new Workers(suite, options);
  const stop = options.token.onCancel(() => workers.end());
  const cases = options.only.length === 0 ? suite.cases : options.only.map((id) => find(suite, id));
  for (const [at, one] of cases.entries()) {
    options.progress(`${at + 1}/${cases.length} ${one.title}`);
    const found = await measureCase(one, workers);
    if (options.token.cancelled) break;
    figures[one.id] = found;
  }
  workers.end();
  stop.unregister();
  options.progress('');
  const seconds = Math.round((performance.now() - start) / 1000);
  return { ...where, seconds, figures };
}

function find(suite: Suite, id: string): Case {
  const found = suite.cases.find((one) => one.id === id);
  if (found === undefined)
    throw new Error(`There is no case \`${id}\`: ${suite.cases.map((one) => one.id).join(', ')}.`);
  return found;
}

function namesIn(suite: Suite, of: readonly string[]): readonly string[] {
  const all = suite.implementations.map(({ name }) => name);
  const stranger = of.find((name) => !all.includes(name));
  if (stranger !== undefined) throw new Error(`There is no implementation \`${stranger}\`: ${all.join(', ')}.`);
  return of.length === 0 ? all : of;
}

async function measureCase(one: Case, workers: Workers): Promise<Record<string, Figure>> {
  const { quick, pace } = workers;
  const settings = quick ? SMOKE : { roundMs: pace.roundMs, maxOps: Number.MAX_SAFE_INTEGER };
  const contenders = workers.names.map((name) => new Contender(name, pace.budgetMs * crowd));
  const processes = quick ? 1 : (pace.processes ?? PROCESSES[one.unit]);
  for (let batch = 0; batch < processes; batch++) {
    const going = contenders.filter((contender) => contender.going);
    for (const contender of going) await contender.load(workers.of(contender.name), one, settings);
    for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
      for (const contender of going) await contender.round();
    }
    if (!quick) workers.end();
  }
  return Object.fromEntries(
    contenders.flatMap((contender) => {
      const figure = contender.figure();
      return figure === undefined ? [] : [[contender.name, figure]];
    }),
  );
}

/** The processes that there are, by implementation. */
class Workers {
  readonly names: readonly string[];
  readonly quick: boolean;
  readonly pace: Pace;
  readonly #open = new Map<string, Remote>();
  readonly #start: (name: string) => Remote;

  constructor(suite: Suite, { node, quick, of }: Options) {
    this.names = namesIn(suite, of);
    this.quick = quick;
    this.pace = suite.pace ?? PACE;
    const limitMs = quick ? QUICK_LIMIT_MS : this.pace.budgetMs * PATIENCE;
    this.#start = (name) => new Remote(node, [suite.name, name], limitMs * crowd);
  }

  of(name: string): Remote {
    const open = this.#open.get(name);
    if (open?.ended === false) return open;
    const started = this.#start(name);
    this.#open.set(name, started);
    return started;
  }

  end(): void {
    for (const remote of this.#open.values()) remote.end();
  }
}

function circumstances(suite: Suite, node: string): Omit<Results, 'seconds' | 'figures'> {
  const packages = suite.implementations.flatMap((one) => one.package ?? []);
  return {
    suite: suite.name,
    node: execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' }).trim(),
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim() || process.arch}`,
    measured: new Date().toISOString().slice(0, 10),
    versions: Object.fromEntries(packages.map((name) => [name, installed(name)])),
  };
}

function installed(name: string): string {
  const manifest = new URL(`../../node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}
