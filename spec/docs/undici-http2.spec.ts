// docs/undici-http2.md: a program of a few lines that ends the process, and the same behind createFetch.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { root } from '../house/sources.ts';
import { otherNode } from '../support/other-node.ts';

const LIMITED = 'ulimit -d 1000000; ulimit -t 10; exec "$0" "$@"';

it.each([
  ['undici8', [], ['SIGABRT', 'SIGKILL', 'SIGXCPU'], ''],
  ['undici8', ['guarded'], [null], 'AbortError, fine\n'],
  ['undici', [], [null], 'AbortError, fine\n'],
])('docs/examples/abort-before-flush.mjs %s %j', { timeout: 120_000 }, async (copy, guarded, signals, said) => {
  const node = await otherNode('24.21.0');
  const args = ['-c', LIMITED, node, 'docs/examples/abort-before-flush.mjs', copy, ...guarded];
  const child = spawn('sh', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  const [stdout, [, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  expect(signals).toContain(signal);
  expect(stdout).toBe(said);
});
