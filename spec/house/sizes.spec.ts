import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { lib, parse, type Source, walk } from './sources.ts';

/** Lines, comments included. The text of a file ends in a line break. */
const lines = (text: string): number => text.trimEnd().split('\n').length;

/** The one file that is longer, and why: docs/decisions/one-class-for-the-tree.md. */
const TREE = 'lib/core/tree.ts';

function tooLong({ path, text }: Source): string[] {
  return lines(text) > (path === TREE ? 440 : 300) ? [`${path} has ${lines(text)} lines`] : [];
}

function tooManyImports({ path, tree }: Source): string[] {
  const { length } = tree.statements.filter(ts.isImportDeclaration);
  return length > (path === TREE ? 13 : 12) ? [`${path} has ${length} imports`] : [];
}

/** Functions are measured from their first token to their last: a doc comment lengthens none. */
function longFunctions({ path, tree }: Source): string[] {
  const found: string[] = [];
  walk(tree, (node) => {
    if (!ts.isFunctionLike(node)) return;
    const line = tree.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    if (lines(node.getText()) > 40) found.push(`${path}:${line} is a function of ${lines(node.getText())} lines`);
  });
  return found;
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

describe('what a reader can hold', () => {
  it('a file has at most 300 lines, and half of them at most 120', () => {
    expect(lib.flatMap(tooLong)).toEqual([]);
    expect(median(lib.map(({ text }) => lines(text)))).toBeLessThanOrEqual(120);
    expect(tooLong(parse('lib/core/a.ts', `${'\n'.repeat(300)};`))).toHaveLength(1);
  });

  it('a function has at most 40 lines', () => {
    expect(lib.flatMap(longFunctions)).toEqual([]);
    const body = '\n'.repeat(40);
    for (const long of [`function a() {${body}}`, `const a = () => {${body}};`, `class A { get a() {${body}} }`]) {
      expect(longFunctions(parse('lib/core/a.ts', long))).toHaveLength(1);
    }
  });

  it('a file has at most 12 imports', () => {
    expect(lib.flatMap(tooManyImports)).toEqual([]);
    expect(tooManyImports(parse('lib/core/a.ts', "import './b.ts';".repeat(13)))).toHaveLength(1);
  });
});
