import { describe, expect, it } from 'vitest';
import { files, read } from './sources.ts';

const texts = [
  ...['lib', 'bench'].flatMap((folder) => files(folder)),
  ...files('docs', '.md'),
  'README.md',
  'CONTRIBUTING.md',
];
const names = ['lib', 'spec', 'bench'].flatMap((folder) => files(folder));

/** The wire spells its own code `canceled`; the rooms that speak it name it, the others at most quote it. */
const wire = /^lib\/(wire|rpc|rpc-node)\//;
const wireCode = { spoken: /\b(canceled|CANCELED)\b/g, quoted: /(['"`])canceled\1/g };

/** One l where this library writes two, whatever stands around it: `Canceled`, `isCanceled`, `cancelation`. */
function misspelt(path: string, text: string): string[] {
  const own = text.replaceAll(wire.test(path) ? wireCode.spoken : wireCode.quoted, '');
  // What a program has printed is quoted on a page as it was.
  const prose = path.endsWith('.md') ? own.replaceAll(/^```text\n.*?^```$|`[^`\n]*`/gms, '') : own;
  return [...prose.matchAll(/cancel(ed|er|ing|able|ation)/gi)].map(([word]) => `${path}: ${word}`);
}

/** A file is named for its idea; these names say that it has none. The specs of types do have one. */
function nameless(path: string): boolean {
  return /[-/](utils?|helpers?|commons?|types?|misc)[-./]/.test(path.replace(/^spec\/types\//, 'spec/'));
}

describe('the words of the field', () => {
  it('cancelled, cancelling, cancellation: two l everywhere but in the code of the wire', () => {
    expect(texts.flatMap((path) => misspelt(path, read(path)))).toEqual([]);
  });

  it.each([
    ['lib/core/a.ts', 'get isCanceled() {}'],
    ['lib/core/a.ts', '// its cancelation'],
    ['lib/core/a.ts', 'canceled = true'],
    ['lib/wire/a.ts', 'class CanceledError {}'],
    ['docs/a.md', 'a canceling caller'],
  ])('%s may not hold `%s`', (path, text) => {
    expect(misspelt(path, text)).toHaveLength(1);
  });

  it.each([
    ['lib/wire/a.ts', 'const codes = { canceled: 1 };'],
    ['lib/server/a.ts', "code === 'canceled' // cancelled, by a cancellable caller"],
    ['docs/a.md', 'its `canBeCanceled` and the code `canceled`'],
    ['docs/a.md', '```text\nthe client got canceled\n```'],
  ])('%s may hold `%s`', (path, text) => {
    expect(misspelt(path, text)).toEqual([]);
  });

  it('every file is named for its idea', () => {
    expect(names.filter(nameless)).toEqual([]);
    const bad = ['lib/core/utils.ts', 'lib/task/task-helpers.ts', 'lib/types/a.ts', 'lib/common.ts'];
    expect([...bad, 'spec/types/outcome.spec.ts'].filter(nameless)).toEqual(bad);
  });
});
