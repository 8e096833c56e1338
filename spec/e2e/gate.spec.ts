import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { root } from '../house/sources.ts';
import { cli, endAll } from './support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
afterEach(endAll);
afterAll(() => rmSync(folder, { recursive: true }));

/** The very gate of CI. */
const gate = (...args: string[]) =>
  spawnSync(join(root, '.ci/gate'), args, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });

describe('the gate of CI', () => {
  it('is shut by a hop that hands cancels on 2 ms late', () => {
    const { status, stdout } = gate('--fault', 'late', '--cancels', '60', '--warmup', '20');
    expect(stdout).toMatch(/✗ C's token cancelled at \S+x the floor \(\S+\), \S+x \+ 25 % allowed/);
    expect(status).toBe(1);
  });

  it('is shut by a hop that loses a cancel', () => {
    const { status, stdout } = gate('--fault', 'lost', '--cancels', '20', '--warmup', '0', '--patience', '200');
    expect(stdout).toMatch(/✗ 2 of 20 cancels never arrived; 2 handlers ran on after a cancel/);
    expect(status).toBe(1);
  });
});

describe('a baseline', () => {
  const quick = ['bench', '--hops', '1', '--cancels', '20', '--warmup', '0'];
  const file = join(folder, 'baseline.json');

  it('is written by one run, and held to by the next', async () => {
    expect((await cli([...quick, '--baseline', file, '--update-baseline']).ended).code).toBe(0);
    const written = JSON.parse(readFileSync(file, 'utf8'));
    expect(written).toMatchObject({ format: 1, baselines: [{ hops: 1, transport: 'h2c', at: 'working' }] });
    const lenient = await cli([...quick, '--baseline', file, '--tolerance', '1000%']).ended;
    expect(lenient.code).toBe(0);

    written.baselines[0].heard = 0.01;
    writeFileSync(file, JSON.stringify(written));
    const strict = await cli([...quick, '--baseline', file, '--json', '-']).ended;
    expect(strict.stderr).toMatch(/^A's token cancelled at \S+x the floor .*, 0\.01x \+ 20 % allowed.*\n$/);
    expect(JSON.parse(strict.stdout).worse[0]).toContain("A's token cancelled at");
    expect(strict.code).toBe(1);
  });

  it('of another setting is refused before anything is measured', async () => {
    const { code, stdout, stderr } = await cli(['bench', '--baseline', file]).ended;
    expect(stderr).toBe(
      `Expected ${file} to hold a baseline for --hops 3, it has --hops 1. Make one here with --update-baseline.\n`,
    );
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});
