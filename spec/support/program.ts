import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * A program that is published on npm, of an exact version, in a folder outside the project that later runs find again.
 *
 * @param name of the package, which has the program for this platform alone
 * @returns the folder of the package
 * @throws Error that says what is missing; a spec that catches it says so in its turn
 */
export async function program(name: string, version: string): Promise<string> {
  const home = join(tmpdir(), 'nevermind-programs');
  const kept = join(home, `${name.replace(/\W/g, '-')}-${version}`);
  if (!existsSync(kept)) await install(name, version, home, kept);
  return kept;
}

async function install(name: string, version: string, home: string, kept: string): Promise<void> {
  mkdirSync(home, { recursive: true });
  const folder = mkdtempSync(join(home, 'new-'));
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder];
  try {
    await promisify(execFile)('npm', ['install', ...options, `${name}@${version}`]);
    // In one step: specs in other processes may be about to do the same.
    renameSync(join(folder, 'node_modules', name), kept);
  } catch (error) {
    if (!existsSync(kept)) throw new Error(`These specs need ${name} ${version}, from npm.`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
