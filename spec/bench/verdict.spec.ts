import { describe, expect, it } from 'vitest';
import type { Case, Figure, Results } from '../../bench/harness.ts';
import { ratio, spread, verdicts } from '../../bench/verdict.ts';

const rounds = (...figures: number[]): Figure => ({ rounds: figures });

function run(figures: Record<string, Figure>, node = '24.1.0'): Results {
  return { suite: 'a', node, cpu: '', measured: '', seconds: 1, versions: {}, figures: { one: figures } };
}

function one(...targets: Case['targets']): Case {
  return { id: 'one', title: 'One', unit: 'ns', targets };
}

const judge = (what: Case, results: Results) =>
  verdicts(what, results, 'ours').map(({ best, measured, reached }) => [best, measured?.median, reached]);

describe('the spread of some figures', () => {
  it('is their median and the middle half', () => {
    expect(spread([5, 1, 4, 2, 3])).toEqual({ median: 3, low: 2, high: 4 });
    expect(spread([1, 2])).toEqual({ median: 1.5, low: 1.25, high: 1.75 });
    expect(spread([7])).toEqual({ median: 7, low: 7, high: 7 });
  });
});

describe('the ratio of two implementations', () => {
  it('is theirs over ours, round by round', () => {
    expect(ratio('ns', rounds(20, 60, 40), rounds(2, 3, 4))).toEqual({ median: 10, low: 10, high: 15 });
  });

  it('is ours over theirs where more is better', () => {
    expect(ratio('/s', rounds(2, 3, 4), rounds(20, 60, 40))).toEqual({ median: 10, low: 10, high: 15 });
  });

  it('leaves out the rounds that one of them did not do', () => {
    expect(ratio('ns', rounds(20), rounds(2, 3))?.median).toBe(10);
  });

  it('is missing where one of them failed or has nothing of the kind', () => {
    expect(ratio('ns', { failed: 'stack overflow' }, rounds(1))).toBeUndefined();
    expect(ratio('ns', rounds(1), { failed: 'stack overflow' })).toBeUndefined();
    expect(ratio('ns', undefined, rounds(1))).toBeUndefined();
  });
});

describe('a target', () => {
  const figures = { ours: rounds(2), slow: rounds(60), quick: rounds(20), failing: { failed: 'stack overflow' } };

  it('is held against the best of those it names', () => {
    const two = one({ against: ['slow', 'quick', 'failing'], atLeast: 10 }, { against: ['slow'], atLeast: 31 });
    expect(judge(two, run(figures))).toEqual([
      ['quick', 10, true],
      ['slow', 30, false],
    ]);
  });

  it('is another one on Node 20 where it says so', () => {
    const target = one({ against: ['quick'], atLeast: 5, onNode20: 50 });
    expect(judge(target, run(figures))).toEqual([['quick', 10, true]]);
    expect(judge(target, run(figures, '20.19.0'))).toEqual([['quick', 10, false]]);
  });

  it('is reached where none of the others can do it, and missed where we cannot', () => {
    const target = one({ against: ['failing'], atLeast: 5 });
    expect(judge(target, run(figures))).toEqual([[undefined, undefined, true]]);
    expect(judge(target, run({ ...figures, ours: { failed: 'out of memory' } }))).toEqual([
      [undefined, undefined, false],
    ]);
  });

  it('may be a limit to our own figure, to the whole unit', () => {
    const two = one({ atMost: 2 }, { atMost: 1 });
    expect(judge(two, run({ ours: rounds(2.4) }))).toEqual([
      [undefined, 2.4, true],
      [undefined, 2.4, false],
    ]);
  });

  it('says nothing where nothing was measured', () => {
    const two = one({ against: ['elsewhere'], atLeast: 1 }, { atMost: 1 });
    expect(judge(two, run({}))).toEqual([]);
    expect(judge(one({ against: ['elsewhere'], atLeast: 1 }), run(figures))).toEqual([]);
  });
});
