import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { cli, endAll, hasSurvivors } from './support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
afterEach(endAll);
afterAll(() => rmSync(folder, { recursive: true }));

const short = ['bench', '--hops', '2', '--cancels', '12', '--warmup', '0'];
const quick = ['bench', '--hops', '1', '--cancels', '1', '--warmup', '0'];

describe('nevermind bench', () => {
  it('measures every hop, writes the figures down, and leaves no process behind', async () => {
    const file = join(folder, 'figures.json');
    const bench = cli(['bench', '--hops', '2', '--cancels', '20', '--warmup', '2', '--json', file]);
    const { code, stdout, stderr } = await bench.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['p50', 'p90', 'p99', "A's token", "B's token", 'last handler', 'every cancel arrived'])
      expect(stdout).toContain(word);
    const figures = JSON.parse(readFileSync(file, 'utf8'));
    expect(figures).toMatchObject({ unit: 'ms', hops: 2, cancels: 20, warmup: 2, misses: 0, zombies: 0 });
    expect(figures.token.map(({ hop }: { hop: string }) => hop)).toEqual(['A', 'B']);
    for (const { p50, p90, p99, max } of [figures.token[0].quantiles, figures.token[1].quantiles, figures.stopped]) {
      expect(p50).toBeGreaterThan(0);
      expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].sort((a, b) => a - b));
    }
    expect(hasSurvivors(bench.pid)).toBe(false);
  });

  it.each([
    ['h2', 'working'],
    ['h1', 'streaming'],
    ['fetch', 'streaming'],
    ['h2c', 'before-headers'],
  ])('measures over %s, at %s, beside a load and a floor, and loses nothing', async (transport, at) => {
    const options = ['--transport', transport, '--at', at, '--load', '2', '--floor'];
    const { code, stdout, stderr } = await cli([...short, ...options, '--json', '-']).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const figures = JSON.parse(stdout);
    expect(figures).toMatchObject({ transport, at, load: 2, cancels: 12, misses: 0, zombies: 0, falseCancels: 0 });
    expect(figures.floor).toMatchObject({ cancels: 12, misses: 0, zombies: 0, falseCancels: 0 });
    // The calls of the load, beside the one that is spared between cancels.
    expect(figures.spared).toBeGreaterThan(1);
    expect(figures.floor.token.map(({ hop }: { hop: string }) => hop)).toEqual(['A', 'B']);
    if (at === 'before-headers') expect(figures.ratio).toBeUndefined();
    else {
      const { low, ratio, high } = figures.ratio.heard;
      expect([0 < low, low <= ratio, ratio <= high]).toEqual([true, true, true]);
    }
  });

  it('writes a page and a plot', async () => {
    const [page, plot] = [join(folder, 'page.md'), join(folder, 'plot.svg')];
    const { code, stdout } = await cli([...quick, '--markdown', page, '--svg', plot]).ended;
    expect(code).toBe(0);
    expect(stdout).toContain('every cancel arrived');
    expect(readFileSync(page, 'utf8')).toContain("| A's token cancelled |");
    expect(readFileSync(plot, 'utf8')).toContain('</svg>');
  });

  it('says where figures can not be written, after it has shown them', async () => {
    const { code, stdout, stderr } = await cli([...quick, '--json', folder]).ended;
    expect(stdout).toContain('last handler stopped');
    expect(stderr).toMatch(/^Expected --json to name a file that can be written; .*\n$/);
    expect(code).toBe(2);
  });

  it('starts no debugger in the processes it measures', async () => {
    const { code, stderr } = await cli(quick, { NODE_OPTIONS: '--no-warnings --inspect=0 --max-old-space-size=200' })
      .ended;
    expect(stderr.match(/^Debugger listening on /gm)).toHaveLength(1);
    expect(code).toBe(0);
  });

  it('is plain in a pipe, coloured when that is forced, and plain again under NO_COLOR', async () => {
    const runs = [cli(quick), cli(quick, { FORCE_COLOR: '1' }), cli(quick, { NO_COLOR: '1' })];
    const [plain, coloured, uncoloured] = await Promise.all(runs.map(({ ended }) => ended));
    expect(plain?.stdout).not.toContain('\x1b');
    expect(coloured?.stdout).toContain('\x1b[32m✓');
    expect(uncoloured?.stdout).not.toContain('\x1b');
  });
});
