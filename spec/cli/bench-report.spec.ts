import { describe, expect, it } from 'vitest';
import { benchJson, benchMarkdown, benchText, judged } from '../../lib/cli/bench-report.ts';
import { plot } from '../../lib/cli/bench-svg.ts';
import { histogram } from '../../lib/cli/histogram.ts';
import type { Bench } from '../../lib/measure/index.ts';

const plain = (_: string, text: string) => text;
const rounds = (heard: readonly number[]) =>
  heard.map((ms) => ({ early: false, arrived: [true, true], heard: [ms, 10 * ms], stopped: [20 * ms, 20 * ms] }));
const even = (ratio: number) => ({ ratio, low: ratio - 0.1, high: ratio + 0.1 });

const bench: Bench = {
  setting: {
    node: 'Node 24',
    machine: 'linux x64',
    chain: 'built in',
    hops: 2,
    transport: 'h2c',
    at: 'working',
    load: 0,
  },
  warmup: 5,
  seen: { hops: ['A', 'B & <C>'], rounds: rounds([0.1, 0.1, 0.2]), spared: 3, falseCancels: 0 },
  floor: { hops: ['A', 'B'], rounds: rounds([0.05, 0.05, 0.1]), spared: 3, falseCancels: 0 },
  ratios: { heard: even(2), stopped: even(1.5) },
  interrupted: false,
};
const good = judged(bench, () => []);
const bad = judged(bench, () => ['one thing', 'another']);

describe('the report of a benchmark', () => {
  it('is a table, a histogram, the ratios and a verdict', () => {
    const lines = benchText(good, 80).split('\n');
    expect(lines[1]).toBe('  nevermind bench  2 hops over h2c, 3 cancels in the midst of work, after 5 to warm up');
    expect(lines).toContain("  A's token cancelled                0.10 ms   0.20 ms   0.20 ms   0.20 ms");
    expect(lines).toContain('  last handler stopped               2.00 ms   4.00 ms   4.00 ms   4.00 ms');
    expect(lines).toContain('  floor: last stream reset           0.50 ms   1.00 ms   1.00 ms   1.00 ms');
    expect(lines).toContain(
      '  B & <C> hears at 2.00x (1.90–2.10), the last handler has stopped at 1.50x (1.40–1.60) the floor',
    );
    expect(lines.at(-3)).toBe('  ✓ every cancel arrived; none of 3 other calls was cancelled');
  });

  it('says in one line what got worse', () => {
    expect(benchText(bad, 80)).toContain('\n  ✗ one thing; another\n');
    expect(benchMarkdown(bad)).toContain('❌ one thing; another');
  });

  it('says so when it was interrupted', () => {
    const text = benchText({ ...good, interrupted: true }, 80);
    expect(text).toContain('✗ interrupted after 3 cancels');
  });

  it('names calls that were given up before the last hop had them', () => {
    const none = { early: false, arrived: [true, false], heard: [1, null], stopped: [1, null] };
    const early = judged({ ...bench, seen: { ...bench.seen, rounds: [none] }, ratios: undefined }, () => []);
    expect(benchText(early, 80)).toContain('✓ every cancel arrived, 1 before the last hop began;');
    expect(benchText(early, 80)).not.toContain('hears at');
  });

  it('is a page with the same table', () => {
    const page = benchMarkdown(good);
    expect(page).toContain("| A's token cancelled | 0.10 ms | 0.20 ms | 0.20 ms | 0.20 ms |");
    expect(page).toContain('on Node 24, linux x64');
    expect(page.match(/^```/gm)).toHaveLength(2);
  });

  it("tells how many hops were seen, and how long the floor was, where a user's chain has another number of them", () => {
    const floor = { ...bench.floor!, hops: ['A', 'B', 'C'] };
    const own = judged({ ...bench, setting: { ...bench.setting, chain: 'chain.mjs', hops: 3 }, floor }, () => []);
    expect(JSON.parse(benchJson(own))).toMatchObject({ hops: 2, floor: { hops: 3 } });
  });

  it('is data, to microseconds', () => {
    expect(JSON.parse(benchJson(bad))).toMatchObject({
      unit: 'ms',
      hops: 2,
      transport: 'h2c',
      cancels: 3,
      misses: 0,
      falseCancels: 0,
      floor: { cancels: 3 },
      ratio: { heard: { ratio: 2, low: 1.9, high: 2.1 } },
      worse: ['one thing', 'another'],
      node: process.version,
    });
  });
});

describe('the histogram', () => {
  it('has a line for each hop, on one axis', () => {
    const [scale, a, b, , floor] = histogram(bench, 60, plain);
    expect(scale).toContain('╷0.10 ms');
    expect(scale).toContain('╷1.00 ms');
    expect(a).toMatch(/^A +█ +▄$/);
    expect(a!.indexOf('█')).toBeLessThan(b!.indexOf('█'));
    expect(floor!.startsWith('floor')).toBe(true);
    for (const line of histogram(bench, 60, plain)) expect(line.length).toBeLessThanOrEqual(60);
  });

  it('is nothing where nothing was measured', () => {
    expect(histogram({ seen: { ...bench.seen, rounds: [] }, floor: undefined }, 60, plain)).toEqual([]);
  });
});

describe('the plot', () => {
  it('is a document with a curve for each hop, fit for light and dark pages', () => {
    const svg = plot(good);
    expect(svg.match(/<path /g)).toHaveLength(4);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).toContain('B &amp; &lt;C>');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.trimEnd().endsWith('</svg>')).toBe(true);
  });

  it('is whole where nothing was measured', () => {
    const empty = judged({ ...bench, seen: { ...bench.seen, rounds: [] }, floor: undefined }, () => []);
    expect(plot(empty)).not.toMatch(/<path |NaN|undefined/);
  });
});
