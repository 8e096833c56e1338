import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** A file of the project, parsed. `path` is relative to the project, with slashes: `lib/core/node.ts`. */
export interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

/** `typeOnly`: the statement leaves nothing behind when compiled; `import { type A }` does, an empty import. */
export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

export const root: string = fileURLToPath(new URL('../../', import.meta.url));

export function read(path: string): string {
  return readFileSync(root + path, 'utf8');
}

/** The files below a folder, or none when there is no such folder. */
export function files(folder: string, ending = '.ts'): string[] {
  try {
    const found = readdirSync(root + folder, { recursive: true, encoding: 'utf8' });
    return found
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith(ending))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function parse(path: string, text: string = read(path)): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return { path, room: roomOf(path), text, tree, imports: importsOf(tree) };
}

/** The first part of a path below lib/, without its ending: a folder and a file can both be a room. */
export function roomOf(path: string): string {
  return path.split('/')[1]!.replace(/\.ts$/, '');
}

/** Calls `visit` on every node of a tree, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function importsOf(tree: ts.SourceFile): Import[] {
  const found: Import[] = [];
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node)) {
      found.push({ specifier: textOf(node.moduleSpecifier), typeOnly: node.importClause?.isTypeOnly === true });
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      found.push({ specifier: textOf(node.moduleSpecifier), typeOnly: node.isTypeOnly });
    } else if (ts.isImportTypeNode(node)) {
      found.push({ specifier: textOf(node.argument), typeOnly: true });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push({ specifier: textOf(node.arguments[0]), typeOnly: false });
    }
  });
  return found;
}

/** In place of the name of a module that cannot be read here. */
export const COMPUTED = '(computed)';

/** What cannot be read here is no module's name, so that no rule lets it pass by its name. */
function textOf(node: ts.Node | undefined): string {
  const literal = node && ts.isLiteralTypeNode(node) ? node.literal : node;
  return literal && ts.isStringLiteralLike(literal) ? literal.text : COMPUTED;
}

export const lib: readonly Source[] = files('lib').map((path) => parse(path));
