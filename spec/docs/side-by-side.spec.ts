import { describe, expect, it } from 'vitest';
import { read } from '../house/sources.ts';
import { blocksOf } from './examples.ts';

const page = 'docs/side-by-side.md';

/** Lines that say something: neither empty nor a remark alone. */
function lines(code: string): number {
  return code.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}

describe('the programs side by side', () => {
  const text = read(page);
  const blocks = blocksOf(page, text);
  const rows = [...text.matchAll(/^\|[^|]+\| (\d+) lines \| (\d+) lines \| (\d+) lines \|/gm)];

  it('are five, each written three times: with nevermind, with abort-controller-x, with the platform alone', () => {
    const packages = blocks.map(
      ({ code }) => [...new Set(code.match(/'(?:nevermind|abort-controller-x)[^']*'/g))].sort()[0],
    );
    expect(packages.map((name) => name?.replaceAll("'", '').split('/')[0])).toEqual(
      Array.from({ length: 5 }, () => ['nevermind', 'abort-controller-x', undefined]).flat(),
    );
  });

  it('are as long as the table says', () => {
    expect(rows.flatMap(([, ...counts]) => counts.map(Number))).toEqual(blocks.map(({ code }) => lines(code)));
  });
});
