#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { CancellationSource, type CancellationToken } from '../core/index.ts';
import { BadChain, ChainLost } from '../measure/index.ts';
import { UsageError } from './arguments.ts';
import { bench } from './bench.ts';
import { demo } from './demo.ts';
import { help } from './help.ts';

const commands: Readonly<Record<string, (args: readonly string[], token: CancellationToken) => Promise<number>>> = {
  demo,
  bench,
};

async function run([name = '--help', ...args]: readonly string[], token: CancellationToken): Promise<number> {
  if (name === '--version' || name === '-v') return say(`${version()}\n`);
  if (name === '--help' || name === '-h' || name === 'help') return say(help.general);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const known = Object.keys(commands).join(' and ');
    throw new UsageError(`Expected a command, ${known} are there, got '${name}'. See \`nevermind --help\`.`);
  }
  if (args.includes('--help') || args.includes('-h')) return say(help[name as keyof typeof help]);
  return await command(args, token);
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}

/** What to say of an error, and how to exit: 2 for a wrong command line, 1 for what went wrong here. */
function explain(error: unknown): [sentence: string, exitCode: number] {
  if (error instanceof UsageError) return [error.message, 2];
  for (const at of [error, (error as Error | undefined)?.cause]) {
    if (at instanceof BadChain) return [at.message, 2];
    if (at instanceof ChainLost) return [at.message, 1];
  }
  return [error instanceof Error ? (error.stack ?? error.message) : String(error), 1];
}

const interrupt = new CancellationSource({ name: 'interrupt' });
// Each of them, not the first alone: at the second Node would end us, and what was measured would be lost.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt.cancel());
// `nevermind demo | head`: nobody reads on, and the processes are to go.
process.stdout.on('error', () => interrupt.cancel());

try {
  process.exitCode = await run(process.argv.slice(2), interrupt.token);
} catch (error) {
  const [sentence, exitCode] = explain(error);
  const interrupted = interrupt.token.cancelled;
  // 130, as a shell has it after Ctrl-C, and not a word but on a file that was not written.
  process.exitCode = interrupted ? 130 : exitCode;
  if (!interrupted || error instanceof UsageError) process.stderr.write(`${sentence}\n`);
}
