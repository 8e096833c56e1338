import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { files, read, root } from './sources.ts';

const pages = ['README.md', 'CONTRIBUTING.md', ...files('docs', '.md')];

/** The files and folders of the project that a page links to. */
function targets(page: string, text: string = read(page)): string[] {
  const links = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, link]) => link!);
  return links.filter((link) => !/^[a-z]+:/.test(link)).map((link) => posix.join(posix.dirname(page), link));
}

describe('the pages', () => {
  it('link to what is there', () => {
    const broken = pages.flatMap((page) => targets(page).map((target) => ({ page, target })));
    expect(broken.filter(({ target }) => !existsSync(root + target))).toEqual([]);
  });

  it('are on the map, each of them', () => {
    const mapped = new Set([
      'docs/README.md',
      ...pages.filter((page) => page.endsWith('README.md')).flatMap((page) => targets(page)),
    ]);
    expect(pages.filter((page) => !mapped.has(page))).toEqual([]);
  });

  it('are read for their links to files, and for no others', () => {
    const text = '[a](a.md) [b](../b.ts#l) [c](#c) [d](https://example.org/d)';
    expect(targets('docs/x.md', text)).toEqual(['docs/a.md', 'b.ts']);
  });
});
