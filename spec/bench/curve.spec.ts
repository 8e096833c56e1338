import { describe, expect, it } from 'vitest';
import { lawOf, pointsOf } from '../../bench/curve.ts';
import { plotCurves } from '../../bench/curve-plot.ts';
import { growths } from '../../bench/curve-report.ts';
import { duration } from '../../bench/format.ts';
import type { Figure, Results, Suite } from '../../bench/harness.ts';

const sizes = [1, 10, 100, 1_000, 10_000];

/** A suite of one curve, and a run in which ours and theirs took so many µs. */
function suiteOf(figures: Record<string, (size: number) => Figure | undefined>): { suite: Suite; run: Results } {
  const points = sizes.map((size) => ({ id: `wide-${size}`, size }));
  const suite: Suite = {
    name: 'made up',
    title: 'Made up',
    implementations: Object.keys(figures).map((name) => ({ name, setup: 'None.' })),
    cases: points.map(({ id }) => ({ id, title: id, unit: 'µs', targets: [] })),
    curves: [{ id: 'wide', title: 'Cancel <many>', by: 'children', points }],
    subject: async () => undefined,
  };
  const found = ({ id, size }: { id: string; size: number }) => [
    id,
    Object.fromEntries(Object.entries(figures).flatMap(([name, of]) => [[name, of(size)]].filter(([, one]) => one))),
  ];
  const about = { suite: 'made up', node: '24.1.0', cpu: 'none', measured: '2026-01-01', seconds: 1, versions: {} };
  return { suite, run: { ...about, figures: Object.fromEntries(points.map(found)) } };
}

describe('the law of a curve', () => {
  it.each<[string, number, (size: number) => number]>([
    ['constant', 0, () => 70],
    ['less than linear', 0.5, (size) => 5 * Math.sqrt(size)],
    ['linear', 1, (size) => 20 * size],
    ['more than linear', 1.5, (size) => size ** 1.5],
    ['quadratic', 2, (size) => 3 * size ** 2],
    ['more than quadratic', 3, (size) => size ** 3],
  ])('is %s where the slope is %d', (name, slope, ns) => {
    const law = lawOf(sizes.map((size) => ({ size, ns: ns(size) })));
    expect(law).toMatchObject({ name, slope: expect.closeTo(slope, 6) });
  });

  it('is that of the greater half of the sizes, where what does not grow is the least part', () => {
    const law = lawOf(sizes.map((size) => ({ size, ns: 400 + 20 * size })));
    expect(law?.name).toBe('linear');
    expect(law?.slope).toBeCloseTo(0.96, 2);
    expect(law?.eachNs).toBeCloseTo(20, 6);
  });

  it('is that of three points at least, and of fewer there is none', () => {
    const points = [
      { size: 1, ns: 10 },
      { size: 10, ns: 100 },
      { size: 100, ns: 1_000 },
    ];
    expect(lawOf(points)?.slope).toBeCloseTo(1, 6);
    expect(lawOf(points.slice(1))).toBeUndefined();
  });
});

describe('a curve', () => {
  const { suite, run } = suiteOf({
    ours: (size) => ({ rounds: [size / 50, size / 50] }),
    theirs: (size) => (size > 100 ? { failed: 'stack overflow' } : { rounds: [size] }),
    'somebody else': () => undefined,
  });
  const [curve] = suite.curves ?? [];

  it('has a point for each size that somebody came through, in nanoseconds', () => {
    expect(pointsOf(suite, curve!, run, 'theirs')).toEqual([
      { size: 1, ns: 1_000 },
      { size: 10, ns: 10_000 },
      { size: 100, ns: 100_000 },
    ]);
    expect(pointsOf(suite, curve!, run, 'somebody else')).toEqual([]);
  });

  it('becomes a table of times and laws, of those who took part', () => {
    const [heading, above, table] = growths(suite, [run]);
    expect([heading, above]).toEqual(['### Cancel <many>', 'On Node 24, by the number of children:']);
    expect(table?.split('\n')).toEqual([
      '| children | ours | theirs |',
      '| --- | --- | --- |',
      '| 1 | 20 ns | 1 µs |',
      '| 10 | 200 ns | 10 µs |',
      '| 100 | 2 µs | 100 µs |',
      '| 1,000 | 20 µs | stack overflow |',
      '| 10,000 | 200 µs | stack overflow |',
      '| **slope** | 1.00, linear: 20 ns each | 1.00, linear: 1 µs each |',
    ]);
  });

  it('becomes a line in a picture, ours on top, with a dot for each point', () => {
    const picture = plotCurves(suite, run);
    const lines = [...picture.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points?.split(' ').length);
    expect(lines).toEqual([3, 5]);
    // Its axis goes from the decade below the least to the one above the most, and lies in the picture.
    const labels = [...picture.matchAll(/text-anchor="end">([^<]*)</g)].map(([, text]) => text);
    expect(labels).toEqual(['10 ns', '100 ns', '1 µs', '10 µs', '100 µs', '1 ms']);
    const heights = [...picture.matchAll(/ y[12]?="([^"]*)"/g)].map(([, y]) => Number(y));
    expect([Math.min(...heights) > 0, Math.max(...heights) < 298]).toEqual([true, true]);
    expect(picture).toContain('Cancel &lt;many></text>');
    expect(picture).toContain('prefers-color-scheme: dark');
  });
});

describe('a time', () => {
  it.each([
    [0.4, '0.4 ns'],
    [17.26, '17.3 ns'],
    [4_312, '4.31 µs'],
    [129_000_000, '129 ms'],
    [3e12, '3000 s'],
  ])('of %d ns is read as %s', (ns, text) => {
    expect(duration(ns)).toBe(text);
  });
});
