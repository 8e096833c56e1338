import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../lib/cli/arguments.ts';
import { benchPlan } from '../../lib/cli/bench-options.ts';
import { settingOf, updated } from '../../lib/measure/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
afterAll(() => rmSync(folder, { recursive: true }));

const even = (ratio: number) => ({ ratio, low: ratio, high: ratio });
const setting = settingOf({ chain: undefined, hops: 3, transport: 'h2c', at: 'working', load: 0 });
const file = join(folder, 'baseline.json');
writeFileSync(file, JSON.stringify(updated(undefined, setting, { heard: even(2), stopped: even(3) })));

describe('the command line of the benchmark', () => {
  it('measures the built-in chain without a floor unless it says otherwise', () => {
    expect(benchPlan([])).toMatchObject({
      hops: 3,
      cancels: 200,
      warmup: 50,
      load: 0,
      transport: 'h2c',
      at: 'working',
      patienceMs: 1_000,
      floor: false,
      fault: null,
      held: undefined,
    });
  });

  it('measures the floor wherever a ratio is asked for', () => {
    expect(benchPlan(['--floor']).floor).toBe(true);
    expect(benchPlan(['--budget', '1.5x'])).toMatchObject({ floor: true, budget: 1.5 });
    expect(benchPlan(['--baseline', file, '--tolerance', '12.5%'])).toMatchObject({
      floor: true,
      tolerance: 0.125,
      held: { heard: 2, stopped: 3 },
    });
  });

  it('holds a run that makes a new baseline to none, and keeps what the old one has', () => {
    expect(benchPlan(['--baseline', file, '--update-baseline'])).toMatchObject({
      held: undefined,
      before: { baselines: [{ heard: 2 }] },
    });
    const missing = join(folder, 'new.json');
    expect(benchPlan(['--baseline', missing, '--update-baseline'])).toMatchObject({ held: undefined });
  });

  it('does not overwrite what is no baseline, and does not advise what was just done', () => {
    const damaged = join(folder, 'damaged.json');
    writeFileSync(damaged, '{');
    expect(() => benchPlan(['--baseline', damaged, '--update-baseline'])).toThrow(
      `Expected ${damaged} to hold a baseline as JSON. Mend it, or delete it and make one here with --update-baseline.`,
    );
  });

  it('puts a fault into the chain when it is told to', () => {
    expect(benchPlan(['--fault', 'late']).fault).toEqual({ delayMs: 2 });
    expect(benchPlan(['--fault', 'lost']).fault).toBe('lost');
  });

  it('takes a module for the same however its path is written', () => {
    for (const path of ['bench/chain.mjs', './bench/chain.mjs', 'bench/../bench/chain.mjs', resolve('bench/chain.mjs')])
      expect(benchPlan(['--chain', path])).toMatchObject({ chain: path, setting: { chain: 'bench/chain.mjs' } });
  });

  const see = ' See `nevermind bench --help`.';
  it.each([
    [['--budget', 'fast'], `Expected --budget to be a number of times, such as 1.5x, got 'fast'.${see}`],
    [['--budget', '0x'], `Expected --budget to be a number of times, such as 1.5x, got '0x'.${see}`],
    [['--budget', '2'], `Expected --budget to be a number of times, such as 1.5x, got '2'.${see}`],
    [['--tolerance', '20'], `Expected --tolerance to be a percentage, such as 20%, got '20'.${see}`],
    [['--cancels', '0'], `Expected --cancels to be a whole number from 1 to 100000, got '0'.${see}`],
    [['--transport', 'h3'], `Expected --transport to be h2c, h2, h1 or fetch, got 'h3'.${see}`],
    [['--at', 'once'], `Expected --at to be before-headers, working or streaming, got 'once'.${see}`],
    [['--fault', 'x'], `Expected --fault to be none, late or lost, got 'x'.${see}`],
    [['--update-baseline'], `Expected --update-baseline to come with --baseline FILE, the file to update.${see}`],
    [
      ['--cancels', '19', '--budget', '2x'],
      `Expected --cancels to be at least 20 with --budget or --baseline, got '19'.${see}`,
    ],
    [
      ['--at', 'before-headers', '--budget', '2x'],
      `Expected no --at before-headers with --budget or --baseline: a cancel that races its call has no ratio.${see}`,
    ],
    [['--chain', 'c.mjs', '--transport', 'h1'], `Expected no --transport with --chain, which brings its own.${see}`],
    [['--chain', 'c.mjs', '--fault', 'lost'], `Expected no --fault with --chain, which has its own.${see}`],
    [
      ['--tolerance', '20%', '--budget', '2x'],
      `Expected --tolerance to come with --baseline FILE, the ratios that it is about.${see}`,
    ],
    [
      ['--fault', 'late', '--baseline', file, '--update-baseline'],
      `Expected no --update-baseline with --fault, whose ratios nothing is to be held to.${see}`,
    ],
    [
      ['--json', 'out.json', '--svg', './out.json'],
      `Expected a file each for --json and --svg, got './out.json' for both.${see}`,
    ],
    [
      ['--markdown', file, '--baseline', file],
      `Expected a file each for --markdown and --baseline, got '${file}' for both.${see}`,
    ],
    [['--json', '-', '--svg', '-'], 'Expected one of --json, --markdown and --svg to be -'],
    [['--baseline', file, '--hops', '2'], 'to hold a baseline for --hops 2, it has --hops 3. Make one here'],
    [['--baseline', folder], 'Expected --baseline to name a file that can be read; EISDIR'],
    [['--baseline', join(folder, 'none.json')], 'can be read; ENOENT'],
  ])('refuses %j in one sentence', (args, sentence) => {
    const refused = () => benchPlan(args);
    expect(refused).toThrow(UsageError);
    expect(refused).toThrow(sentence);
  });
});
