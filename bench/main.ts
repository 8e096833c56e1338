// npm run bench -- core [--node PATH]… [--case ID]… [--of NAME]… [--quick] [--json] [--save]
import { parseArgs } from 'node:util';
import { CancellationSource } from 'nevermind/core';
import { growths } from './curve-report.ts';
import type { Results, Suite } from './harness.ts';
import { measure } from './measure.ts';
import { save } from './results.ts';
import { suites } from './suites.ts';
import { table, verdict } from './table.ts';

const root = new URL('../../', import.meta.url);

const USAGE = `npm run bench -- [${Object.keys(suites).join('|')}]… [options]; without a name: all of them

  --node PATH   measure this binary of Node; repeatable; default: the one that runs this
  --case ID     measure this case alone; repeatable
  --of NAME     measure this implementation alone; repeatable
  --quick       a smoke run: does everything once, and its figures mean nothing
  --json        print the figures as JSON, a line for each run
  --save        keep the figures in bench/results/, for npm run bench:report; with --case, in the run that is kept there`;

try {
  await main();
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      node: { type: 'string', multiple: true, default: [process.execPath] },
      case: { type: 'string', multiple: true, default: [] },
      of: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  if (values.save && (values.quick || values.of.length > 0)) {
    throw new Error('What is saved must have been measured, and beside all others: leave out `--quick` and `--of`.');
  }
  const stop = new CancellationSource();
  process.once('SIGINT', () => stop.cancel('CANCELLED', { description: 'interrupted' }));
  for (const suite of await load(positionals)) {
    for (const node of values.node) {
      if (stop.token.cancelled) break;
      const results = await measure(suite, { ...values, node, only: values.case, token: stop.token, progress });
      if (values.json) console.log(JSON.stringify(results));
      else print(suite, results, values.quick);
      if (values.save && !stop.token.cancelled) save(root, results, values.case.length === 0);
    }
  }
  if (stop.token.cancelled) process.exitCode = 130;
}

function load(names: readonly string[]): Promise<Suite[]> {
  const chosen = names.length > 0 ? names : Object.keys(suites);
  return Promise.all(
    chosen.map(async (name) => {
      const found = suites[name];
      if (found === undefined) throw new Error(`There is no suite \`${name}\`.`);
      return (await found()).suite;
    }),
  );
}

function print(suite: Suite, results: Results, quick: boolean): void {
  console.log(`${table(suite, results)}\n`);
  if (suite.curves !== undefined && !quick) console.log(`${growths(suite, [results]).join('\n\n')}\n`);
  if (quick) console.log(`A smoke run: ${Object.keys(results.figures).length} cases did their work.`);
  else console.log(`${verdict(suite, results)}\n`);
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
