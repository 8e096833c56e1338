import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Figure, Results } from '../../bench/harness.ts';

const cwd = fileURLToPath(new URL('../../', import.meta.url));

beforeAll(() => {
  const { status, stdout } = spawnSync('npm', ['exec', '--', 'tsc', '-p', 'bench'], { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stdout);
});

const measured = (figure: Figure): boolean => 'rounds' in figure && figure.rounds.every(Number.isFinite);

/** Who has done its work, by case. */
function smoke(suite: string, ...cases: string[]): Record<string, string[]> {
  const args = ['bench/dist/main.js', suite, '--quick', '--json', ...cases.flatMap((id) => ['--case', id])];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const { figures }: Results = JSON.parse(stdout);
  return Object.fromEntries(
    Object.entries(figures).map(([id, found]) => [
      id,
      Object.entries(found).map(([name, figure]) => (measured(figure) ? name : `${name}: ${JSON.stringify(figure)}`)),
    ]),
  );
}

const OURS = ['nevermind', 'nevermind, Response', 'nevermind, fromAmbient: false'];
const OTHERS = ['node', '@hono/node-server', 'srvx', 'Fastify'];

describe('npm run bench -- serve', { timeout: 120_000 }, () => {
  it('loads each server with requests, over both protocols, and our lines added to others', () => {
    expect(smoke('serve', 'http1-post', 'h2c-16', 'adopted-fastify', 'adopted-express', 'fetch')).toEqual({
      'http1-post': [...OURS, ...OTHERS, 'Express'],
      'h2c-16': ['nevermind', ...OTHERS],
      'adopted-fastify': ['nevermind', 'Fastify'],
      'adopted-express': ['nevermind', 'Express'],
      fetch: ['nevermind', 'node'],
    });
  });

  it('has clients leave, and has each server hold their requests', () => {
    const all = ['nevermind', ...OTHERS];
    expect(smoke('serve-held', 'http1-leave', 'h2c-leave', 'http1-held')).toEqual({
      'http1-leave': [...all, 'Express'],
      'h2c-leave': all,
      'http1-held': [...all, 'Express'],
    });
  });
});
