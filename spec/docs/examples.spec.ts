import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { files, read, root } from '../house/sources.ts';
import { type Block, blocksOf, compiled, complaints, promised } from './examples.ts';

const pages = ['README.md', 'CONTRIBUTING.md', ...files('docs', '.md')];
const blocks = pages.flatMap((page) => blocksOf(page, read(page)));
const examples = blocks.filter(({ info }) => info === 'ts' || info === 'ts no-run');
const runnable = examples.filter(({ info }) => info === 'ts');

const TIME_LIMIT_MS = 20_000;

/** Runs a block as a module of the project, whose own package is what it imports. */
async function run(block: Block): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-'], {
    cwd: root,
    timeout: TIME_LIMIT_MS,
    stdio: 'pipe',
  });
  child.stdin.end(compiled(block));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

describe('the examples of the documentation', () => {
  it('are all found: no block of code goes by another name', () => {
    const known = ['ts', 'ts no-run', 'sh', 'diff', 'text', 'json', 'yaml', 'html'];
    expect(
      blocks.filter(({ info }) => !known.includes(info)).map(({ page, line, info }) => `${page}:${line} ${info}`),
    ).toEqual([]);
    expect(runnable.length).toBeGreaterThan(0);
  });

  // A compiler's run over all of them.
  it('fit the types of the package', { timeout: 180_000 }, () => {
    expect(complaints(examples)).toEqual([]);
  });

  it.each(runnable.map((block) => [`${block.page}:${block.line}`, block] as const))(
    '%s runs, and prints what it says it does',
    async (_, block) => {
      const { code, stdout, stderr } = await run(block);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      // In whatever order: on a page, the server may stand above the client that calls it.
      const promises = promised(block);
      if (promises.length > 0) expect(stdout.trimEnd().split('\n').sort()).toEqual(promises.sort());
    },
  );
});

describe('an example', () => {
  const page = ['# Title', '```ts', 'let a = 1;', 'console.log(a); // → 1', '```', '', '```sh', 'ls', '```'].join('\n');
  const [first, second] = blocksOf('page.md', page) as [Block, Block];

  it('is found where it stands', () => {
    expect(first).toEqual({ page: 'page.md', line: 3, info: 'ts', code: 'let a = 1;\nconsole.log(a); // → 1' });
    expect(second).toMatchObject({ line: 8, info: 'sh' });
    expect(() => blocksOf('page.md', '```ts\n')).toThrow('page.md:2 begins a block that does not end');
  });

  it('is held to what it says it prints', async () => {
    expect(promised(first)).toEqual(['1']);
    expect(await run(first)).toEqual({ code: 0, stdout: '1\n', stderr: '' });
  });

  it.each([
    ['throws', "throw new Error('no')", 'no'],
    ['leaves a promise rejected', "void Promise.reject(new Error('no'))", 'no'],
    ['imports what is not there', "import { nothing } from 'nevermind'; nothing()", 'nothing'],
  ])('fails when it %s, and tells the line on its page', async (_, code, words) => {
    const { code: exitCode, stderr } = await run({ ...first, code });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(words);
    expect(stderr).toContain('[eval1]:3\n');
  });

  it('is refused when its types are wrong', () => {
    const wrong = {
      ...first,
      code: "import { CancellationSource } from 'nevermind';\nnew CancellationSource({ timeout: 'soon' });",
    };
    expect(complaints([wrong])).toEqual([expect.stringMatching(/^page\.md:4 .*'string' is not assignable/)]);
  });
});
