import { execFileSync } from 'node:child_process';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import names from './doors.json' with { type: 'json' };
import { lib, parse, read, root, type Source, walk } from './sources.ts';

const subpaths = Object.keys(JSON.parse(read('package.json')).exports).filter((path) => path !== './package.json');

/**
 * What a program that has the package installed gets for each path: the names of the module, or the error's code.
 * A process of its own, as the package refers to itself by its name only outside of a bundler.
 */
function open(paths: readonly string[], how: 'import' | 'require'): Record<string, string[] | string> {
  const program = `
    import { createRequire } from 'node:module';
    const require = createRequire(${JSON.stringify(`${root}package.json`)});
    const found = {};
    for (const path of ${JSON.stringify(paths)}) {
      try { found[path] = Object.keys(${how === 'import' ? 'await import' : 'require'}('nevermind' + path.slice(1))).sort(); }
      catch (error) { found[path] = error.code ?? String(error); }
    }
    process.stdout.write(JSON.stringify(found));`;
  return JSON.parse(
    execFileSync(process.execPath, ['--no-warnings', '--input-type=module', '--eval', program], {
      cwd: root,
      encoding: 'utf8',
    }),
  );
}

/** `export *` hides what a door offers from whoever reads it. */
function stars({ path, tree }: Source): string[] {
  const found: string[] = [];
  walk(tree, (node) => {
    const named = ts.isExportDeclaration(node) && node.exportClause && ts.isNamedExports(node.exportClause);
    if (ts.isExportDeclaration(node) && !named) found.push(`${path}: ${node.getText()}`);
  });
  return found;
}

describe('the doors of the package', () => {
  it('open by import, and offer exactly the names written in doors.json', () => {
    expect(open(subpaths, 'import')).toEqual(names);
  });

  it('open by require, with the same names', () => {
    expect(open(subpaths, 'require')).toEqual(names);
  });

  it('are the only way in', () => {
    const inner = lib.flatMap(({ path }) => [
      `./${path}`,
      path.replace(/^lib\/(.*)\.ts$/, './dist/$1.js'),
      path.replace(/^lib\/(.*)\.ts$/, './$1.js'),
    ]);
    const opened = Object.entries(open(inner, 'import'));
    expect(opened.filter(([, got]) => got !== 'ERR_PACKAGE_PATH_NOT_EXPORTED')).toEqual([]);
    expect(opened.length).toBeGreaterThan(0);
  });

  it('list what they offer by name', () => {
    expect(lib.flatMap(stars)).toEqual([]);
    expect(
      stars(parse('lib/core/index.ts', "export * from './node.ts'; export * as tree from './node.ts'")),
    ).toHaveLength(2);
  });
});
