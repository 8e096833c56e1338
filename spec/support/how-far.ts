import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Runs a module: `awake` when its process has lived to its last line, else the code with which it ended. */
export async function howFar(text: string): Promise<string> {
  const source = `${text}\nconsole.log('awake');`;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--no-warnings',
      '--input-type=module',
      '--eval',
      source,
    ]);
    return stdout.trim();
  } catch (error) {
    return `code ${(error as { code: number }).code}`;
  }
}
