import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Figure, Results } from '../../bench/harness.ts';

const cwd = fileURLToPath(new URL('../../', import.meta.url));

const measured = (figure: Figure | undefined): boolean =>
  figure !== undefined && 'rounds' in figure && figure.rounds.every(Number.isFinite);

beforeAll(() => {
  const { status, stdout } = spawnSync('npm', ['exec', '--', 'tsc', '-p', 'bench'], { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
});

describe('npm run bench -- tasks', () => {
  it('does every case in this library, and some in each of the others', { timeout: 120_000 }, () => {
    const args = ['bench/dist/main.js', 'tasks', '--quick', '--json'];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
    expect(status).toBe(0);
    const { figures, versions }: Results = JSON.parse(stdout);
    const cases = Object.entries(figures);
    expect(cases).toHaveLength(9);
    expect(cases.filter(([, found]) => !Object.values(found).every(measured)).map(([id]) => id)).toEqual([]);
    expect(cases.filter(([, found]) => !measured(found.nevermind)).map(([id]) => id)).toEqual([]);
    for (const name of ['platform', 'abort-controller-x', 'Effect', 'effection']) {
      expect(cases.filter(([, found]) => measured(found[name])).length, name).toBeGreaterThanOrEqual(4);
    }
    expect(versions).toEqual({ 'abort-controller-x': '0.5.0', effect: '4.1.0', effection: '4.1.1' });
  });
});
