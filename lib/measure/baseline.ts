import { z } from 'zod';
import type { Ratios } from './ratio.ts';

/** What has to be the same for two ratios to be comparable. */
export interface Setting {
  /** `node 20`: the ratio to the floor is another one on another line of Node. */
  readonly node: string;
  /** `linux x64`. */
  readonly machine: string;
  /** `built in`, or where the module is, from here, with `/`. */
  readonly chain: string;
  /** Of our chain and of the floor; a user's chain has its own. */
  readonly hops: number;
  readonly transport: string;
  readonly at: string;
  readonly load: number;
}

/** The ratios of a setting. */
export interface Held {
  readonly heard: number;
  readonly stopped: number;
}

type Entry = Setting & Held;

/** Ratios to hold on to, of one or several settings. */
export interface Baseline {
  readonly format: 1;
  readonly baselines: readonly Entry[];
}

const text = z.string();
const shape: z.ZodType<Baseline> = z.object({
  format: z.literal(1),
  baselines: z.array(
    z.object({
      node: text,
      machine: text,
      chain: text,
      hops: z.int(),
      transport: text,
      at: text,
      load: z.int(),
      heard: z.number().positive(),
      stopped: z.number().positive(),
    }),
  ),
});

/** A baseline that is of no use here; the message is for people. */
export class BaselineError extends Error {
  override readonly name = 'BaselineError';
}

const ADVICE = 'Make one here with --update-baseline';
/** It may hold the ratios of other settings, so that nobody overwrites it. */
const MEND = 'Mend it, or delete it and make one here with --update-baseline';

/** @param json what the file holds @throws BaselineError */
export function readBaseline(file: string, json: string): Baseline {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new BaselineError(`Expected ${file} to hold a baseline as JSON. ${MEND}.`);
  }
  const { data } = shape.safeParse(value);
  if (data !== undefined) return data;
  const { format } = Object(value) as { format?: unknown };
  const what = format === undefined || format === 1 ? 'something else' : `one of format ${JSON.stringify(format)}`;
  throw new BaselineError(`Expected ${file} to hold a baseline of format 1, got ${what}. ${MEND}.`);
}

/** The ratios for a setting. @throws BaselineError that says what there is instead */
export function heldBy(file: string, { baselines }: Baseline, setting: Setting): Held {
  const found = baselines.find((one) => distance(one, setting).length === 0);
  if (found !== undefined) return found;
  const [nearest] = [...baselines].sort((a, b) => distance(a, setting).length - distance(b, setting).length);
  if (nearest === undefined) throw new BaselineError(`Expected ${file} to hold a baseline, it is empty. ${ADVICE}.`);
  const differs = distance(nearest, setting);
  const words = (one: Setting) => differs.map((key) => wordOf(key, one)).join(', ');
  throw new BaselineError(
    `Expected ${file} to hold a baseline for ${words(setting)}, it has ${words(nearest)}. ${ADVICE}.`,
  );
}

/** The baseline with the ratios of a run in place of those that its setting had. */
export function updated(baseline: Baseline | undefined, setting: Setting, { heard, stopped }: Ratios): Baseline {
  const others = baseline?.baselines.filter((one) => distance(one, setting).length > 0) ?? [];
  const own = { ...setting, heard: digits(heard.ratio), stopped: digits(stopped.ratio) };
  const key = (one: Setting) => keys.map((name) => wordOf(name, one)).join();
  return { format: 1, baselines: [...others, own].sort((a, b) => (key(a) < key(b) ? -1 : 1)) };
}

const keys = ['node', 'machine', 'chain', 'hops', 'transport', 'at', 'load'] as const;

function distance(a: Setting, b: Setting): (keyof Setting)[] {
  return keys.filter((key) => a[key] !== b[key]);
}

function wordOf(key: keyof Setting, setting: Setting): string {
  const value = setting[key];
  return key === 'node' || key === 'machine' ? `${value}` : `--${key} ${value}`;
}

/** Three that count, however small the ratio is: a chain in one process is far below the floor. */
function digits(ratio: number): number {
  return Number(ratio.toPrecision(3));
}
