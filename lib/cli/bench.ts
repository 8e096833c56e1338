import { writeFileSync } from 'node:fs';
import type { CancellationToken } from '../core/index.ts';
import { measurePropagation, type Propagation, type Quantiles } from '../measure/index.ts';
import { file, readArguments, UsageError, whole } from './arguments.ts';
import { paint } from './paint.ts';
import { Progress } from './progress.ts';
import { rounded } from './report.ts';
import { counted } from './story.ts';
import { duration } from './timeline.ts';

const options = { hops: whole(1, 16, 3), cancels: whole(1, 100_000, 200), warmup: whole(0, 100_000, 50), json: file };

/** Runs `nevermind bench`. @returns the exit code */
export async function bench(args: readonly string[], token: CancellationToken): Promise<number> {
  const { hops, cancels, warmup, json } = readArguments('bench', args, options);
  let done = 0;
  const progress = new Progress(() => `cancel ${done} of ${warmup + cancels}`);
  const onProgress = (n: number) => {
    done = n;
  };
  const figures = await measurePropagation({ hops, cancels, warmup, token, onProgress }).finally(() => progress.end());
  const text = JSON.stringify(
    { unit: 'ms', ...figures, node: process.version, platform: process.platform },
    inMicroseconds,
    2,
  );
  if (json === '-') process.stdout.write(`${text}\n`);
  else process.stdout.write(table(figures));
  if (json !== undefined && json !== '-') save(json, `${text}\n`);
  return figures.misses + figures.zombies > 0 ? 1 : 0;
}

function save(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(`Expected --json to name a file that can be written; ${(error as Error).message}.`);
  }
}

function inMicroseconds(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? rounded(value) : value;
}

const COLUMNS = ['p50', 'p90', 'p99', 'max'] as const;

function table({ hops, cancels, warmup, token, stopped, misses, zombies }: Propagation): string {
  const head = `${counted(hops, 'hop')}, ${counted(cancels, 'cancel')} after ${warmup} to warm up`;
  const rows = [
    ...token.map(({ hop, quantiles }) => row(`${hop}'s token cancelled`, quantiles)),
    row('last handler stopped', stopped),
  ];
  const good = misses + zombies === 0;
  const verdict = good
    ? 'every cancel arrived'
    : `${counted(misses, 'cancel')} never arrived, ${counted(zombies, 'handler')} ran on`;
  return [
    '',
    `  ${paint('bold', 'nevermind bench')}  ${paint('dim', head)}`,
    '',
    `  ${paint('dim', "from the caller's cancel until".padEnd(32) + COLUMNS.map((name) => name.padStart(10)).join(''))}`,
    ...rows.map((line) => `  ${line}`),
    '',
    `  ${good ? paint('green', '✓') : paint('red', '✗')} ${verdict}`,
    '',
    '',
  ].join('\n');
}

function row(what: string, quantiles: Quantiles | null): string {
  const figures = COLUMNS.map((name) => (quantiles === null ? 'none' : duration(quantiles[name])).padStart(10));
  return what.padEnd(32) + figures.join('');
}
