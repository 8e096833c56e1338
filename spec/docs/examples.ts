import ts from 'typescript';
import { root } from '../house/sources.ts';

/** A block of code on a page, between lines of three backticks. */
export interface Block {
  readonly page: string;
  /** Of its first line, counted from 1. */
  readonly line: number;
  /** What stands behind the backticks, such as `ts no-run`. */
  readonly info: string;
  readonly code: string;
}

/** The blocks of a page, in order. @throws when one is not closed */
export function blocksOf(page: string, text: string): Block[] {
  const blocks: Block[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (open === undefined) {
      if (fence) open = { line: index + 2, info: fence[1]!.trim(), lines: [] };
    } else if (fence?.[1]?.trim() === '') {
      blocks.push({ page, line: open.line, info: open.info, code: open.lines.join('\n') });
      open = undefined;
    } else open.lines.push(line);
  }
  if (open) throw new Error(`${page}:${open.line} begins a block that does not end`);
  return blocks;
}

/** What the block prints by its own account: the words after `// →`, each on the line that prints them. */
export function promised({ code }: Block): string[] {
  return [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, words]) => words!.trim());
}

/** Of the kind that NestJS needs, and nobody else here uses. */
const DECORATED: ts.CompilerOptions = { experimentalDecorators: true };

/** The block as JavaScript, at its own line numbers. */
export function compiled({ line, code }: Block): string {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2022,
      verbatimModuleSyntax: true,
      // A line of its own, which a module does not need, would move all others.
      alwaysStrict: false,
      ...DECORATED,
    },
  });
  return '\n'.repeat(line - 1) + outputText;
}

/** An example may name what it does not use. */
const LENIENT: ts.CompilerOptions = { noUnusedLocals: false, noUnusedParameters: false, ...DECORATED };

/** What the compiler has against the blocks, each a module at the root of the project, so that `nevermind/…` is the built package. */
export function complaints(blocks: readonly Block[]): string[] {
  const files = new Map(blocks.map((block) => [`${root}${block.page.replaceAll('/', '-')}-${block.line}.ts`, block]));
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  // Of the project's own build: where its sources lie, and what its doors owe to their declarations.
  const { rootDir, outDir, declaration, isolatedDeclarations, rewriteRelativeImportExtensions, ...strict } = options;
  const host = ts.createCompilerHost(strict);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path)?.code ?? readFile(path);
  host.getSourceFile = (path, how, ...rest) => {
    const block = files.get(path);
    return block ? ts.createSourceFile(path, block.code, how) : getSourceFile(path, how, ...rest);
  };
  const program = ts.createProgram([...files.keys()], { ...strict, noEmit: true, ...LENIENT }, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const block = files.get(file?.fileName ?? '');
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line : 0;
    const where = block ? `${block.page}:${block.line + line}` : (file?.fileName ?? 'the compiler');
    return `${where} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
