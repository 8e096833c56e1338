// A Node server ends a session after some 1,000 resets, with whatever is on it. How a client gets past that, on every line of Node.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { otherNode } from '../support/other-node.ts';

const PROGRAM = fileURLToPath(new URL('support/budget.mjs', import.meta.url));

interface Report {
  /** What became of the call beside the cancels. */
  readonly bystander: string;
  readonly sessions: number;
  readonly resets: number;
}

async function run(version: string, client: 'ours' | 'bare'): Promise<Report> {
  const node = await otherNode(version);
  const { stdout } = await promisify(execFile)(node, ['--no-warnings', PROGRAM, client], { timeout: 60_000 });
  return JSON.parse(stdout);
}

describe.each(['20.20.2', '22.23.3', '24.21.0', '26.10.0'])('Node %s', { timeout: 120_000 }, (version) => {
  it('T-02: 1,600 cancels at full speed all arrive, and a call beside them is answered', async () => {
    const { bystander, sessions, resets } = await run(version, 'ours');
    expect([bystander, resets]).toEqual(['answered', 1_600]);
    expect(sessions).toBeGreaterThan(1);
  });

  it('which one bare session does not survive', async () => {
    const { bystander, sessions, resets } = await run(version, 'bare');
    expect([bystander === 'answered', sessions]).toEqual([false, 1]);
    expect(resets).toBeLessThan(1_600);
  });
});
