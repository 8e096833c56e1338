import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancellationToken } from 'nevermind/core';
import { fakeClock } from 'nevermind/testing';
import { afterAll, describe, expect, it } from 'vitest';
// The built one: it starts processes, which do not take TypeScript.
import { BadChain, ChainLost, runBench } from '#measure';

const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
afterAll(() => rmSync(folder, { recursive: true }));

writeFileSync(join(folder, 'common.cjs'), 'module.exports = {};');

let files = 0;
/** What comes of a benchmark of a module with this text: the cause of its end. */
async function causeOf(text: string): Promise<unknown> {
  const chain = join(folder, `chain-${++files}.mjs`);
  writeFileSync(chain, text);
  const plain = { hops: 1, transport: 'h2c', floor: false, fault: null, at: 'working', load: 0 } as const;
  const token = CancellationToken.none;
  const ended = await runBench({ ...plain, chain, cancels: 20, warmup: 0, patienceMs: 100, token }).catch(
    (error) => error,
  );
  return ended instanceof BadChain ? ended : ended.cause;
}

/** A module whose calls do this. */
const calls = (act: string) =>
  `export const start = ({ report }) => ({ call: async ({ id, lasting }) => { ${act} } });`;

describe('a module that cannot be measured', () => {
  it.each([
    ['exports no start', 'export const begin = 1;', /^Expected .* to export a function `start`, it exports begin\.$/],
    ['cannot be loaded', 'export {', /could not be loaded: Unexpected end of input/],
    ['throws nothing as it is loaded', 'throw undefined;', /chain-\d+\.mjs could not be loaded: undefined\.$/],
    [
      'imports what a CommonJS module does not export',
      `import { none } from './common.cjs'; export const start = none;`,
      /chain-\d+\.mjs could not be loaded: Named export 'none' not found\. .* as named exports\.$/,
    ],
    [
      'cannot start and says so at length',
      "export function start() { throw new Error('no database.\\nTry another one.'); }",
      /has failed: no database\.$/,
    ],
    ['cannot start', "export async function start() { throw new Error('no database'); }", /has failed: no database\.$/],
    [
      'starts nothing',
      'export function start() { return {}; }',
      /^Expected `start` of .* to return \{ call, end\?, hop/,
    ],
    [
      'reports what is no report',
      calls("report({ call: id, event: 'begun' });"),
      /has ended: Expected a report \{ call, event: .*got \{"call":"1","event":"begun"\}/,
    ],
    [
      'reports of a hop it has not',
      calls("report({ call: id, event: 'arrived', hop: 'Z' }); await new Promise(() => {});"),
      /reported of hop Z, which/,
    ],
    [
      'reports by a clock of its own',
      calls("report({ call: id, event: 'arrived', at: performance.now() }); await new Promise(() => {});"),
      /^Expected `at` of hop `last` of .* to be milliseconds of CLOCK_MONOTONIC, which is at [\d.]+, got [\d.]+\. `benchNow\(\)` reads it\.$/,
    ],
    [
      'reports by the time of day',
      calls("report({ call: id, event: 'arrived', at: Date.now() }); await new Promise(() => {});"),
      /^Expected `at` of hop `last` of /,
    ],
    [
      'never reports of one of its hops',
      `export const start = ({ report }) => ({
        hops: ['orders', 'stock'],
        call: ({ id }) => { report({ call: id, event: 'arrived' }); return new Promise(() => {}); },
      });`,
      /^Expected hop `orders` of .* first call has arrived, not within 1 s\. It calls `witness`\.$/,
    ],
    [
      'never reports',
      calls('if (lasting) await new Promise(() => {});'),
      /^Expected hop `last` of .* first call has arrived, not within 1 s\./,
    ],
    ['ends its calls by itself', calls(''), /first call has arrived, but has ended: ok\. It calls/],
    [
      'dies',
      'export function start() { setImmediate(() => process.exit(3)); return new Promise(() => {}); }',
      /exit code 3/,
    ],
  ])('that %s is told so in one line, and leaves no process behind', async (_, text, sentence) => {
    const cause = await causeOf(text);
    expect(cause).toBeInstanceOf(BadChain);
    expect((cause as Error).message).toMatch(sentence);
    expect((cause as Error).message).not.toContain('\n');
    // Node lets go of a process at the end of the turn in which that has ended, and a turn ends after what it was told to do next.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(process.getActiveResourcesInfo()).not.toContain('ProcessWrap');
  });

  it.each([
    ['its `start` never comes to an end', 'export const start = () => new Promise(() => {});'],
    ['it is never loaded', 'await new Promise(() => {}); export const start = () => {};'],
  ])('is given up after a minute when %s', async (_, text) => {
    using clock = fakeClock();
    // What hangs is given a while to come to an end, which is not what this is about.
    const leaves = "process.once('disconnect', () => process.exit()); if (!process.connected) process.exit();";
    const ended = causeOf(`${leaves} ${text}`);
    await clock.advanceAsync(60_000);
    const cause = await ended;
    expect(cause).toBeInstanceOf(BadChain);
    expect((cause as Error).message).toMatch(/^Expected .* to load and its `start` to resolve within 60 s; one of/);
  });

  it('is another thing than one that is lost later on', async () => {
    const act = "if (id === '2') process.exit(3); report({ call: id, event: 'arrived' });";
    const stopped =
      "await new Promise((_, reject) => signal.addEventListener('abort', () => { tell('cancelled'); reject(); }));";
    const text = `export const start = ({ report }) => ({
      call: async ({ id, signal }) => {
        const tell = (event) => report({ call: id, event });
        ${act} ${stopped}
      },
    });`;
    const cause = await causeOf(text);
    expect(cause).toBeInstanceOf(ChainLost);
    expect(cause).not.toBeInstanceOf(BadChain);
    expect((cause as Error).message).toMatch(/^The process of .* has ended unexpectedly \(exit code 3\)\.$/);
  });
});
