import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Node of an exact version, for specs that need another one than runs them: from npm, into a folder outside the project that
 * later runs find again.
 *
 * @throws Error that says what is missing; a spec that catches it says so in its turn
 */
export async function otherNode(version: string): Promise<string> {
  if (process.version === `v${version}`) return process.execPath;
  const home = join(tmpdir(), 'nevermind-nodes');
  const kept = join(home, version);
  if (!existsSync(kept)) await install(version, home, kept);
  return join(kept, 'bin/node');
}

async function install(version: string, home: string, kept: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  const folder = mkdtempSync(join(home, 'new-'));
  const name = `node-${process.platform}-${process.arch}`;
  try {
    await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${version}`]);
    // In one step: specs in other processes may be about to do the same.
    renameSync(join(folder, 'node_modules', name), kept);
  } catch (error) {
    if (!existsSync(kept)) throw new Error(`These specs need Node ${version}, from npm's ${name}.`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
