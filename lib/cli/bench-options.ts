import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Baseline,
  BaselineError,
  type Fault,
  type Held,
  heldBy,
  type Phase,
  phases,
  readBaseline,
  type Setting,
  settingOf,
  type TransportName,
  transportNames,
} from '../measure/index.ts';
import { file, flag, percent, readArguments, times, UsageError, whole, word } from './arguments.ts';

const options = {
  hops: whole(1, 16, 3),
  cancels: whole(1, 100_000, 200),
  warmup: whole(0, 100_000, 50),
  load: whole(0, 10_000, 0),
  patience: whole(1, 60_000, 1_000),
  transport: word(transportNames, 'h2c'),
  at: word(phases, 'working'),
  chain: file,
  floor: flag,
  budget: times,
  baseline: file,
  tolerance: percent,
  'update-baseline': flag,
  fault: word(['none', 'late', 'lost'], 'none'),
  json: file,
  markdown: file,
  svg: file,
};

/** The least number of pairs that a ratio may decide on. */
const FEW = 20;
const LATE_MS = 2;
const TOLERANCE = 0.2;

/** What `nevermind bench` is to do. */
export interface BenchPlan {
  readonly hops: number;
  readonly cancels: number;
  readonly warmup: number;
  readonly load: number;
  readonly patienceMs: number;
  readonly transport: TransportName;
  readonly at: Phase;
  readonly chain: string | undefined;
  readonly fault: Fault | null;
  readonly floor: boolean;
  readonly budget: number | undefined;
  readonly tolerance: number;
  readonly baseline: string | undefined;
  readonly update: boolean;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly svg: string | undefined;
  readonly setting: Setting;
  /** What the baseline has for this setting; undefined without one, and where it is about to be made. */
  readonly held: Held | undefined;
  /** All that the baseline has, to be kept when it is updated. */
  readonly before: Baseline | undefined;
}

/** @throws UsageError for options that are wrong, contradict one another, or name a baseline that is of no use here */
export function benchPlan(args: readonly string[]): BenchPlan {
  const { patience, fault, 'update-baseline': update, ...values } = readArguments('bench', args, options);
  const gated = values.budget !== undefined || values.baseline !== undefined;
  const plan = {
    ...values,
    update,
    patienceMs: patience,
    floor: values.floor || gated,
    fault: fault === 'none' ? null : fault === 'lost' ? ('lost' as const) : { delayMs: LATE_MS },
    setting: settingOf(values),
  };
  for (const refusal of refusals(plan, gated)) throw new UsageError(`${refusal} See \`nevermind bench --help\`.`);
  return { ...plan, tolerance: plan.tolerance ?? TOLERANCE, ...remembered(plan) };
}

type Settled = Omit<BenchPlan, 'held' | 'before' | 'tolerance'> & { readonly tolerance: number | undefined };

/** What contradicts itself in a command line each of whose parts is well. */
function refusals(plan: Settled, gated: boolean): string[] {
  const { at, update, baseline, cancels, chain, transport, fault } = plan;
  const found: string[] = [];
  const refuse = (when: boolean, sentence: string) => when && found.push(sentence);
  refuse(
    update && baseline === undefined,
    'Expected --update-baseline to come with --baseline FILE, the file to update.',
  );
  refuse(
    plan.tolerance !== undefined && baseline === undefined,
    'Expected --tolerance to come with --baseline FILE, the ratios that it is about.',
  );
  refuse(
    update && fault !== null,
    'Expected no --update-baseline with --fault, whose ratios nothing is to be held to.',
  );
  refuse(
    gated && at === 'before-headers',
    'Expected no --at before-headers with --budget or --baseline: a cancel that races its call has no ratio.',
  );
  refuse(
    gated && cancels < FEW,
    `Expected --cancels to be at least ${FEW} with --budget or --baseline, got '${cancels}'.`,
  );
  const own = chain !== undefined;
  refuse(own && transport !== 'h2c', 'Expected no --transport with --chain, which brings its own.');
  refuse(own && fault !== null, 'Expected no --fault with --chain, which has its own.');
  refuse(
    own && at === 'streaming',
    'Expected no --at streaming with --chain, which reports that a call has arrived when its stream is under way.',
  );
  const outputs = [plan.json, plan.markdown, plan.svg].filter((path) => path === '-');
  refuse(outputs.length > 1, 'Expected one of --json, --markdown and --svg to be -, as there is one standard output.');
  return [...found, ...shared(plan)];
}

/** Files that two options name. */
function shared(plan: Settled): string[] {
  const names = ['json', 'markdown', 'svg', 'baseline'] as const;
  const files = names.flatMap((name) => {
    const path = plan[name];
    return path === undefined || path === '-' ? [] : [{ name, path, whole: resolve(path) }];
  });
  return files.flatMap(({ name, path, whole }, index) => {
    const other = files.slice(0, index).find((before) => before.whole === whole);
    return other === undefined
      ? []
      : [`Expected a file each for --${other.name} and --${name}, got '${path}' for both.`];
  });
}

function remembered({ baseline: path, update, setting }: Settled): Pick<BenchPlan, 'held' | 'before'> {
  const json = path === undefined ? undefined : read(path, update);
  if (path === undefined || json === undefined) return { held: undefined, before: undefined };
  try {
    const before = readBaseline(path, json);
    return { before, held: update ? undefined : heldBy(path, before, setting) };
  } catch (error) {
    throw error instanceof BaselineError ? new UsageError(error.message) : error;
  }
}

/** @returns undefined for a file that is yet to be made */
function read(path: string, update: boolean): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (update && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(
      `Expected --baseline to name a file that can be read; ${(error as Error).message}. Make one with --update-baseline.`,
    );
  }
}
