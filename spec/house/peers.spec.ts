import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const { peerDependencies, peerDependenciesMeta } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);

// A range would keep whoever has another version from installing the package at all.
it('every peer is optional, and of any version', () => {
  const names = Object.keys(peerDependencies);
  expect(names.filter((name) => peerDependencies[name] !== '*')).toEqual([]);
  expect(names.filter((name) => peerDependenciesMeta[name]?.optional !== true)).toEqual([]);
});
