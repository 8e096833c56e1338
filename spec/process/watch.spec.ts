import { spawn } from 'node:child_process';
import { afterEach, expect, it, vi } from 'vitest';
import { CancellationToken } from '../../lib/core/index.ts';
import { Watch } from '../../lib/process/index.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it('signals no group that has ended: its number may be another one by now', async () => {
  const child = spawn(process.execPath, ['-e', '0'], { detached: true });
  const watch = new Watch(child, true, { token: CancellationToken.none, killSignal: 'SIGTERM', graceMs: 0 });
  expect(await watch.ended).toEqual({ kind: 'value', value: { code: 0, signal: null } });
  const signalled = vi.spyOn(process, 'kill');
  watch.signal('SIGKILL');
  expect(signalled).not.toHaveBeenCalled();
});
