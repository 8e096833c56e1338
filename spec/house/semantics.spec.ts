import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { files, parse, read, type Source, walk } from './sources.ts';
import unproven from './unproven.json' with { type: 'json' };

const rowId = /\b(?:S[0-4]-\d\d|E(?:[1-9]|[12]\d|30))\b/g;
const rows = [...read('docs/semantics.md').matchAll(/^\| (S\d-\d\d|E\d+)\b/gm)].map(([, id]) => id!);

const systems = { 'S0-': 25, 'S1-': 24, 'S2-': 29, 'S3-': 38, 'S4-': 51 };
const numbered = (prefix: string, count: number, digits: number): string[] =>
  Array.from({ length: count }, (_, index) => prefix + String(index + 1).padStart(digits, '0'));

/** The titles of a file's tests and groups, as they are written. A test that is skipped or yet to come proves nothing. */
function titles({ tree }: Source): string[] {
  const found: string[] = [];
  walk(tree, (node) => {
    const title = ts.isCallExpression(node) && node.arguments[0];
    if (!title || !(ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) return;
    const words = /^(?:it|test|describe)\b[.\w]*/.exec(node.getText())?.[0].split('.');
    if (words && !words.includes('skip') && !words.includes('todo')) found.push(title.getText());
  });
  return found;
}

function proven(source: Source): string[] {
  return titles(source).flatMap((title) => title.match(rowId) ?? []);
}

describe('docs/semantics.md', () => {
  it('keeps its rows: an id, once given, stands', () => {
    const every = [
      ...Object.entries(systems).flatMap(([prefix, count]) => numbered(prefix, count, 2)),
      ...numbered('E', 30, 1),
    ];
    expect(rows).toEqual(every);
  });

  it('has each row proven by a test that carries its id, or owed in unproven.json', () => {
    const proofs = new Set(files('spec', '.spec.ts').flatMap((path) => proven(parse(path))));
    const owed = new Set<string>(unproven);
    expect(
      rows.filter((id) => !proofs.has(id) && !owed.has(id)),
      'without a proof: write one',
    ).toEqual([]);
    expect(
      unproven.filter((id) => proofs.has(id)),
      'proven meanwhile: strike them from unproven.json',
    ).toEqual([]);
    expect(
      [...proofs, ...owed].filter((id) => !rows.includes(id)),
      'no row has this id',
    ).toEqual([]);
  });
});

describe('a proof', () => {
  const proofs = (text: string) => proven(parse('spec/a.spec.ts', text));

  it.each([
    ["it('S0-05: reaches all', () => {})"],
    ["test.each([1])('S0-05: reaches %i', () => {})"],
    ["describe('S0-05', () => {})"],
    [`it(\`S0-05: \${count} reached\`, () => {})`],
  ])('is found in `%s`', (text) => {
    expect(proofs(text)).toEqual(['S0-05']);
  });

  it.each([
    ["it.skip('S0-05: reaches all', () => {})"],
    ["it.todo('S0-05: reaches all')"],
    ["describe.skip('S0-05', () => {})"],
    ["expect('S0-05')"],
    ['// S0-05'],
  ])('is not found in `%s`', (text) => {
    expect(proofs(text)).toEqual([]);
  });
});
