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

function smoke(suite: string, ...options: string[]): Results {
  const args = ['bench/dist/main.js', suite, '--quick', '--json', ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

describe('npm run bench', () => {
  it('rpc: calls each of the implementations, and asks what a call weighs', { timeout: 120_000 }, () => {
    const { figures, versions } = smoke('rpc', '--case', 'unary-16');
    expect(Object.values(figures['unary-16'] ?? {}).map(measured)).toEqual(Array(8).fill(true));
    const alone = smoke('rpc', '--case', 'held', '--of', 'nevermind').figures;
    expect(Object.entries(alone).map(([id, of]) => [id, Object.keys(of)])).toEqual([['held', ['nevermind']]]);
    expect(measured(alone.held?.nevermind)).toBe(true);
    expect(versions).toEqual({
      '@grpc/grpc-js': '1.14.7',
      'nice-grpc': '2.1.18',
      '@connectrpc/connect-node': '2.1.2',
      undici: '7.30.2',
    });
  });

  it('propagation: cancels through a chain of each, one call and all at once', { timeout: 120_000 }, () => {
    const { figures } = smoke('propagation', '--case', 'three-idle', '--case', 'many');
    expect(Object.values(figures['three-idle'] ?? {}).map(measured)).toEqual(Array(9).fill(true));
    expect(Object.entries(figures.many ?? {}).map(([name, figure]) => [name, measured(figure)])).toEqual([
      ['nevermind', true],
      ['node:http2', true],
    ]);
  });
});
