import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Figure, Results } from '../../bench/harness.ts';

const cwd = fileURLToPath(new URL('../../', import.meta.url));

function bench(...args: string[]) {
  return spawnSync(process.execPath, ['bench/dist/main.js', ...args], { cwd, encoding: 'utf8' });
}

const measured = (figure: Figure | undefined): boolean =>
  figure !== undefined && 'rounds' in figure && figure.rounds.every(Number.isFinite);

beforeAll(() => {
  const { status, stdout } = spawnSync('npm', ['exec', '--', 'tsc', '-p', 'bench'], { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
});

describe('npm run bench -- core', () => {
  it('does every case in this library, and some in each of the others', { timeout: 120_000 }, () => {
    const { status, stdout } = bench('core', '--quick', '--json');
    expect(status).toBe(0);
    const { figures, versions }: Results = JSON.parse(stdout);
    const cases = Object.entries(figures);
    expect(cases.length).toBeGreaterThan(20);
    expect(cases.filter(([, found]) => !measured(found.nevermind)).map(([id]) => id)).toEqual([]);
    expect(cases.filter(([, found]) => !Object.values(found).every(measured)).map(([id]) => id)).toEqual([]);
    for (const name of ['native, listener', 'native, any', 'prex', 'vscode-jsonrpc', 'esfx', 'setTimeout']) {
      expect(cases.filter(([, found]) => measured(found[name])).length, name).toBeGreaterThan(0);
    }
    expect(Object.values(versions)).toEqual(['0.4.9', '10.0.0', '1.0.0']);
  });

  it('prints the table with a row for each case', () => {
    const { stdout } = bench('core', '--quick', '--case', 'child', '--case', 'deadline');
    expect(stdout).toMatch(/^ +unit {2}nevermind {2}native, listener .* setTimeout$/m);
    expect(stdout).toMatch(/^child: link, close +ns +\d.* –$/m);
    expect(stdout).toMatch(/^deadline: create, clear +ns +\d/m);
    expect(stdout).toContain('2 cases did their work.');
  });

  it.each([
    [['cores'], 'There is no suite `cores`.'],
    [['core', '--case', 'pole'], 'There is no case `pole`: poll, '],
    [['core', '--of', 'natvie'], 'There is no implementation `natvie`: nevermind, '],
    [['core', '--fast'], "Unknown option '--fast'"],
    [['core', '--node', 'no/such/node', '--quick'], 'no/such/node'],
    [['core', '--quick', '--save'], 'What is saved must have been measured'],
  ])('refuses %j with a line that says why', (args, why) => {
    const { status, stderr } = bench(...args);
    expect(status).toBe(2);
    expect(stderr.split('\n')[0]).toContain(why);
  });
});
