import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { read, root } from '../house/sources.ts';

interface Step {
  readonly if?: string;
  readonly uses?: string;
  readonly 'continue-on-error'?: boolean;
  readonly shell?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly 'working-directory'?: string;
  readonly with?: Readonly<Record<string, string>>;
}

const action: {
  inputs: Record<string, { description: string; default: string }>;
  outputs: Record<string, { description: string; value: string }>;
  runs: { using: string; steps: Step[] };
} = parse(read('action.yml'));
const [measure, upload] = action.runs.steps as [Step, Step];

const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
afterAll(() => rmSync(folder, { recursive: true }));

let runs = 0;

/**
 * Runs the step that measures as a runner does: its expressions filled in, its script in a file for bash, GITHUB_* in the
 * environment. The checkout is one that has nevermind installed. What uploads is not run: it is GitHub's own.
 */
function run(given: Record<string, string>, home = join(folder, `run-${++runs}`)) {
  const [checkout, temp] = [join(home, 'checkout'), join(home, 'temp')];
  const bin = join(checkout, 'node_modules/.bin');
  for (const path of [bin, temp]) mkdirSync(path, { recursive: true });
  writeFileSync(join(checkout, 'package.json'), '{ "name": "checkout", "private": true }');
  writeFileSync(join(bin, 'nevermind'), `#!/bin/sh\nexec node '${root}dist/cli/main.js' "$@"\n`);
  chmodSync(join(bin, 'nevermind'), 0o755);

  const fill = (text = '') =>
    text.replaceAll(/\$\{\{ inputs\.([\w-]+) \}\}/g, (_, name) => given[name] ?? action.inputs[name]!.default);
  const github = { GITHUB_STEP_SUMMARY: join(home, 'summary.md'), GITHUB_OUTPUT: join(home, 'output') };
  for (const file of Object.values(github)) writeFileSync(file, '');
  const env = Object.fromEntries(Object.entries(measure.env ?? {}).map(([name, value]) => [name, fill(value)]));
  writeFileSync(join(temp, 'step.sh'), fill(measure.run));
  const { status, stdout } = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', join(temp, 'step.sh')], {
    cwd: join(checkout, fill(measure['working-directory'])),
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: '1', CI: 'true', GITHUB_ACTIONS: 'true', RUNNER_TEMP: temp, ...github, ...env },
  });
  const outputs = Object.fromEntries(
    readFileSync(github.GITHUB_OUTPUT, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('=', 2)),
  );
  return { status, stdout, outputs, summary: readFileSync(github.GITHUB_STEP_SUMMARY, 'utf8') };
}

const quick = '--hops 1 --cancels 20 --warmup 0';

describe('the action', () => {
  it('is made of a step that measures with bash, and one that uploads whatever came out', () => {
    expect(action.runs.using).toBe('composite');
    expect(action.runs.steps).toHaveLength(2);
    expect(measure.shell).toBe('bash');
    expect(upload.uses).toMatch(/^actions\/upload-artifact@v\d+$/);
    expect(upload.if).toContain('always()');
    expect(upload['continue-on-error']).toBe(true);
    expect(upload.with?.path).toBe(`\${{ steps.bench.outputs.folder }}`);
  });

  it('asks for no input that it does not declare, and uses each', () => {
    const used = [...read('action.yml').matchAll(/inputs\.([\w-]+)/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual(Object.keys(action.inputs).sort());
  });

  it('writes the summary of the job, and tells where figures and plot are', () => {
    const { status, stdout, outputs, summary } = run({ args: quick });
    expect(stdout).toContain('✓ every cancel arrived');
    expect(status).toBe(0);
    expect(summary).toContain("| A's token cancelled |");
    expect(Object.keys(outputs)).toEqual(['folder', ...Object.keys(action.outputs)]);
    expect(JSON.parse(readFileSync(outputs.figures!, 'utf8'))).toMatchObject({ hops: 1, cancels: 20 });
    expect(readFileSync(outputs.plot!, 'utf8')).toContain('</svg>');
  });

  it('fails when the gate is shut, with the reason where GitHub shows it, and a summary all the same', () => {
    const { status, stdout, summary } = run({ args: quick, budget: '0.01x' });
    const [, reason] = /^::error title=nevermind bench::(.*)$/m.exec(stdout) ?? [];
    expect(reason).toMatch(/^A's token cancelled at \S+x the floor .*, the budget is 0\.01x$/);
    expect(summary).toContain(`❌ ${reason}`);
    expect(status).toBe(1);
  });

  it('has nothing of what another use in the same job has measured', () => {
    const home = join(folder, 'twice');
    const first = run({ args: quick }, home);
    const second = run({ chain: 'no such.mjs' }, home);
    expect(existsSync(first.outputs.plot!)).toBe(true);
    expect({ status: second.status, summary: second.summary }).toEqual({ status: 2, summary: '' });
    expect(existsSync(second.outputs.plot!)).toBe(false);
  });

  it('takes an empty tolerance for none', () => {
    const baseline = join(folder, 'baseline.json');
    const { status } = run({ args: `${quick} --update-baseline`, baseline, tolerance: '' });
    expect(status).toBe(0);
  });

  it('fails for what cannot be measured, with the reason, and no summary', () => {
    const { status, stdout, outputs, summary } = run({ chain: 'no such.mjs', baseline: '' });
    expect(stdout).toMatch(/^::error title=nevermind bench::no such\.mjs could not be loaded: /m);
    expect({ status, summary }).toEqual({ status: 2, summary: '' });
    expect(existsSync(outputs.plot!)).toBe(false);
  });
});
