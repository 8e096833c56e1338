import { join } from 'node:path';
import { program } from './program.ts';

/**
 * Node of an exact version, for specs that need another one than runs them: from npm.
 *
 * @throws Error that says what is missing
 */
export async function otherNode(version: string): Promise<string> {
  if (process.version === `v${version}`) return process.execPath;
  return join(await program(`node-${process.platform}-${process.arch}`, version), 'bin/node');
}
