import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { Group } from '../../lib/process/group.ts';

const started: ChildProcess[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  for (const { pid } of started.splice(0)) new Group(pid as number).signal('SIGKILL');
});

/** A shell that has started another program, which has printed that it runs. */
async function shell(): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', '(echo up; exec cat) <&3 & exec cat'], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
  });
  started.push(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

function looks(): MockInstance {
  const spy = vi.spyOn(fs, 'readdirSync');
  syncBuiltinESMExports();
  return spy;
}

describe.runIf(process.platform === 'linux')('a group of processes', () => {
  it('is looked for among all processes only when the member that was found has left', async () => {
    const child = await shell();
    const group = new Group(child.pid as number);
    const look = looks();
    for (let i = 0; i < 3; i++) expect(group.isAlive()).toBe(true);
    expect(look).toHaveBeenCalledTimes(1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (let i = 0; i < 3; i++) expect(group.isAlive()).toBe(true);
    expect(look).toHaveBeenCalledTimes(2);
    group.signal('SIGKILL');
    await vi.waitFor(() => expect(group.isAlive()).toBe(false));
  });

  it('is alive as long as it may be signalled, where nothing can be read', async () => {
    const child = await shell();
    const group = new Group(child.pid as number);
    looks().mockImplementation(() => {
      throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
    });
    expect(group.isAlive()).toBe(true);
    group.signal('SIGKILL');
    await once(child, 'exit');
  });
});
