// The interceptor under every Node and undici that it is for. The copies of undici meet each other by the global dispatcher:
// Node 20 and 22 have undici 6 in them, which speaks another language to its handlers, 24 has 7, and 26 has 8.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { otherNode } from '../support/other-node.ts';

const PROGRAM = fileURLToPath(new URL('support/intercepted.mjs', import.meta.url));

const cancelled = { because: 'SHUTDOWN', left: true, callbacks: 0 };
const right = { told: true, head: cancelled, body: cancelled, callbacks: 0 };

describe.each([
  ['20.20.2', 'undici'],
  ['22.23.3', 'undici'],
  ['22.23.3', 'undici8'],
  ['24.21.0', 'undici'],
  ['24.21.0', 'undici8'],
  ['26.10.0', 'undici'],
  ['26.10.0', 'undici8'],
])('Node %s, dispatcher of %s', { timeout: 120_000 }, (version, copy) => {
  it('cancels each request with the current token, and tells the remaining time', async ({ skip }) => {
    const node = await otherNode(version).catch((error: Error) => skip(error.message));
    const { stdout } = await promisify(execFile)(node, ['--no-warnings', PROGRAM, copy], { timeout: 100_000 });
    expect(JSON.parse(stdout)).toEqual({
      "Node's fetch": right,
      "undici's fetch": right,
      "undici's request": right,
      'between two tries': { because: 'SHUTDOWN', tries: 1 },
    });
  });
});
