import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { root } from '../house/sources.ts';

it('docs/examples/hot-loop.mjs measures each of its threads, and all of them notice', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['docs/examples/hot-loop.mjs', '3', '1000', '5'], {
    cwd: root,
  });
  expect(stdout).toMatch(
    /^3 threads on \d+ cores, 5 cancels\na poll: [\d.]+ ns\nnoticed: by the first thread after [\d.]+ µs, by all after [\d.]+ µs\n$/,
  );
});
