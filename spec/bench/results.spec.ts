import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { Results } from '../../bench/harness.ts';
import { save, stored } from '../../bench/results.ts';

function folder(): URL {
  const path = mkdtempSync(join(tmpdir(), 'nevermind-results-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return pathToFileURL(`${path}/`);
}

const run = (figures: Record<string, number>, over: Partial<Results> = {}): Results => ({
  suite: 'core',
  node: '20.20.2',
  cpu: '2 × a processor',
  measured: '2026-11-01',
  seconds: 60,
  versions: { prex: '0.4.9' },
  figures: Object.fromEntries(Object.entries(figures).map(([id, ns]) => [id, { nevermind: { rounds: [ns] } }])),
  ...over,
});

it('keeps one run of each line of Node, the oldest first', () => {
  const root = folder();
  save(root, run({ poll: 1 }, { node: '24.1.0' }), true);
  save(root, run({ poll: 2, link: 3 }), true);
  save(root, run({ poll: 4 }), true);
  expect(stored(root, 'core')).toEqual([run({ poll: 4 }), run({ poll: 1 }, { node: '24.1.0' })]);
});

it('puts some cases into the run that is kept', () => {
  const root = folder();
  save(root, run({ poll: 1, link: 2 }), true);
  save(root, run({ link: 3 }, { measured: '2026-11-02', seconds: 5 }), false);
  expect(stored(root, 'core')).toEqual([run({ poll: 1, link: 3 }, { measured: '2026-11-02', seconds: 65 })]);
});

it.each([
  ['another Node of the line', { node: '20.19.0' }],
  ['another machine', { cpu: '8 × a processor' }],
  ['another version of a package', { versions: { prex: '1.0.0' } }],
  ['another line of Node', { node: '22.1.0' }],
])('puts none into a run of %s', (_, over) => {
  const root = folder();
  save(root, run({ poll: 1 }), true);
  expect(() => save(root, run({ poll: 2 }, over), false)).toThrow(
    'No run of `core` is kept that these cases would fit',
  );
  expect(stored(root, 'core')).toEqual([run({ poll: 1 })]);
});
