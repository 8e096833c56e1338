import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Figure, Results } from '../../bench/harness.ts';
import { suite } from '../../bench/scaling.ts';

const cwd = fileURLToPath(new URL('../../', import.meta.url));

beforeAll(() => {
  const { status, stdout } = spawnSync('npm', ['exec', '--', 'tsc', '-p', 'bench'], { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
});

const measured = (figure: Figure | undefined): boolean =>
  figure !== undefined && 'rounds' in figure && figure.rounds.every(Number.isFinite);

describe('npm run bench -- scaling', () => {
  it('has the sizes that the curves are to span', () => {
    const spans = suite.curves?.map(({ id, points }) => [id, points[0]?.size, points.at(-1)?.size]);
    expect(spans).toEqual([
      ['depth', 1, 100_000],
      ['width', 1, 1_000_000],
      ['beside', 1, 100_000],
      ['hops', 1, 8],
      ['concurrency', 1, 10_000],
      ['load', 1, 256],
    ]);
    const points = suite.curves?.flatMap((curve) => curve.points.map(({ id }) => id));
    expect(points).toEqual(suite.cases.map(({ id }) => id));
  });

  it('does a case of each curve, trees with the platform and chains beside their floor', { timeout: 120_000 }, () => {
    const trees = ['depth-100', 'width-100', 'beside-100'];
    const chains = ['hops-2', 'concurrency-100', 'load-4'];
    const cases = [...trees, ...chains].flatMap((id) => ['--case', id]);
    const args = ['bench/dist/main.js', 'scaling', '--quick', '--json', ...cases];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
    expect(status).toBe(0);
    const { figures }: Results = JSON.parse(stdout);
    for (const id of [...trees, ...chains]) {
      const who = trees.includes(id) ? ['nevermind', 'native, listener', 'native, any'] : ['nevermind', 'node:http2'];
      expect(Object.keys(figures[id] ?? {}), id).toEqual(who);
      expect(Object.values(figures[id] ?? {}).every(measured), id).toBe(true);
    }
  });
});
