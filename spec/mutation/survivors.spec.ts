import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { read } from '../house/sources.ts';

interface Survivor {
  readonly file: string;
  readonly line: string;
  readonly mutant: string;
}

const explained: readonly { readonly why: string; readonly mutants: readonly Survivor[] }[] = JSON.parse(
  readFileSync(new URL('survivors.json', import.meta.url), 'utf8'),
);
const survivors = explained.flatMap(({ mutants }) => mutants);

describe('a mutant that survives', () => {
  it('is one of a line that is still there', () => {
    const gone = survivors.filter(
      ({ file, line }) =>
        !read(file)
          .split('\n')
          .some((one) => one.trim() === line),
    );
    expect(gone).toEqual([]);
  });

  it('has one reason, in sentences', () => {
    const all = survivors.map((one) => JSON.stringify(one));
    expect(new Set(all).size).toBe(all.length);
    for (const { why } of explained) expect(why).toMatch(/^[A-Z].*\.$/);
  });

  it('stands with its reason in docs/mutation.md', () => {
    const page = read('docs/mutation.md');
    const cell = (text: string) => `\`${text.replaceAll('|', '\\|')}\``;
    expect(explained.filter(({ why }) => !page.includes(`\n${why}\n`))).toEqual([]);
    expect(survivors.filter(({ line, mutant }) => !page.includes(`${cell(line)} | ${cell(mutant)}`))).toEqual([]);
  });
});
