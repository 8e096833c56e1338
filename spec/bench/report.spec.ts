import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { headline, withHeadline } from '../../bench/headline.ts';
import { measured } from '../../bench/measured.ts';
import { report } from '../../bench/report.ts';

const root = new URL('../../', import.meta.url);
const found = await measured(root);

describe('docs/benchmarks.md', () => {
  it('is what `npm run bench:report` makes of the stored figures', () => {
    expect(readFileSync(new URL('docs/benchmarks.md', root), 'utf8')).toBe(report(found));
  });

  it('has its headline in the README', () => {
    const readme = readFileSync(new URL('README.md', root), 'utf8');
    expect(readme).toBe(withHeadline(readme, found));
    expect(headline(found).split('\n').length).toBeGreaterThan(8);
  });

  it('and says so where the README has no place for it', () => {
    expect(() => withHeadline('# nevermind', found)).toThrow('Expected the README to have a place for the figures');
  });

  const linesOf = ({ runs }: (typeof found)[number]) => runs.map(({ node }) => Number.parseInt(node, 10));

  it.each(found)('tells of Node 20, 24 and 26: $suite.name', (one) => {
    expect(linesOf(one)).toEqual(expect.arrayContaining([20, 24, 26]));
  });

  it('shows what others failed at, and where they are ahead', () => {
    const text = report(found);
    expect(text).toContain('stack overflow');
    expect(text.split('### Where others are ahead')[1]).toContain('| vscode-jsonrpc |');
  });
});
