import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { root } from '../house/sources.ts';

describe('the chain in docs/examples/bench', () => {
  it('is measured as the guide says, hop by hop, and leaves nothing behind', () => {
    const options = [
      '--chain',
      'docs/examples/bench/chain.mjs',
      '--floor',
      '--hops',
      '2',
      '--cancels',
      '20',
      '--warmup',
      '0',
      '--json',
      '-',
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, ['dist/cli/main.js', 'bench', ...options], {
      cwd: root,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const figures = JSON.parse(stdout);
    expect(figures).toMatchObject({ cancels: 20, misses: 0, zombies: 0, falseCancels: 0 });
    expect(figures.token.map(({ hop }: { hop: string }) => hop)).toEqual(['orders', 'stock']);
    expect(figures.ratio.heard.ratio).toBeGreaterThan(0);
  });
});
