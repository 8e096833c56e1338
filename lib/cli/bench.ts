import { writeFileSync } from 'node:fs';
import type { CancellationToken } from '../core/index.ts';
import { faults, runBench, updated, worse } from '../measure/index.ts';
import { UsageError } from './arguments.ts';
import { bar } from './bar.ts';
import { type BenchPlan, benchPlan } from './bench-options.ts';
import { benchJson, benchMarkdown, benchText, type Judged, judged } from './bench-report.ts';
import { plot } from './bench-svg.ts';
import type { Paint } from './paint.ts';
import { Progress } from './progress.ts';

/** As a shell has it after Ctrl-C. */
const INTERRUPTED = 130;

/** Runs `nevermind bench`. @returns the exit code */
export async function bench(args: readonly string[], token: CancellationToken): Promise<number> {
  const plan = benchPlan(args);
  const run = await measured(plan, token);
  if (run.interrupted && run.figures.cancels === 0) {
    process.stderr.write(
      `Interrupted ${plan.warmup > 0 ? 'while warming up' : 'at the first cancel'}: there are no figures.\n`,
    );
    return INTERRUPTED;
  }
  const files = { json: benchJson, markdown: benchMarkdown, svg: plot } as const;
  const names = Object.keys(files) as (keyof typeof files)[];
  const shown = names.find((name) => plan[name] === '-');
  process.stdout.write(shown === undefined ? benchText(run, process.stdout.columns ?? 80) : files[shown](run));
  // Where standard output is for a program, people still learn why it fails.
  if (shown !== undefined && run.worse.length > 0) process.stderr.write(`${run.worse.join('; ')}\n`);
  for (const name of names) {
    const path = plan[name];
    if (path !== undefined && path !== '-') save(`--${name}`, path, files[name](run));
  }
  if (run.interrupted) return INTERRUPTED;
  if (run.worse.length > 0) return 1;
  const { baseline, update } = plan;
  if (update && baseline !== undefined && run.ratios !== undefined) {
    const text = JSON.stringify(updated(plan.before, plan.setting, run.ratios), undefined, 2);
    save('--baseline', baseline, `${text}\n`);
  }
  return 0;
}

async function measured(plan: BenchPlan, token: CancellationToken): Promise<Judged> {
  const total = plan.warmup + plan.cancels;
  let done = 0;
  const progress = new Progress(() => {
    const span = { fromMs: 0, toMs: done, eventMs: Number.POSITIVE_INFINITY, saves: true, style: 'cyan' } as const;
    return `${bar({ cells: 24, spanMs: total }, span, plain)} ${done} of ${total} cancels`;
  });
  const onProgress = (n: number) => {
    done = n;
  };
  const { held, budget, tolerance } = plan;
  const run = await runBench({ ...plan, token, onProgress }).finally(() => progress.end());
  return judged(run, (figures) =>
    run.interrupted ? faults(figures) : worse(figures, run.ratios, { budget, baseline: held, tolerance }),
  );
}

/** A line that is cut to its terminal's width has no room for colour. */
const plain: Paint = (_, text) => text;

function save(option: string, path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new UsageError(`Expected ${option} to name a file that can be written; ${(error as Error).message}.`);
  }
}
