import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { cli, endAll, hasSurvivors } from './support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
afterEach(endAll);
afterAll(() => rmSync(folder, { recursive: true }));

let files = 0;
/** A module with this text. */
function moduleOf(text: string): string {
  const file = join(folder, `chain-${++files}.mjs`);
  writeFileSync(file, text);
  return file;
}

const bench = (text: string, ...args: string[]) =>
  cli(['bench', '--chain', moduleOf(text), '--cancels', '20', '--warmup', '0', '--patience', '100', ...args]);

/** A last hop in the module's own process, which does as it should, but for what `act` does with a call in place of that. */
const hop = (act = '', more = '') => `
  export function start({ report }) {
    const tell = (call, event) => report({ call, event });
    return {
      ${more}
      call: ({ id, lasting, signal }) => new Promise((resolve, reject) => {
        ${act}
        if (!lasting) return resolve('done');
        tell(id, 'arrived');
        signal.addEventListener('abort', () => {
          tell(id, 'cancelled');
          tell(id, 'stopped');
          reject(signal.reason);
        });
      }),
    };
  }`;

describe("a user's chain", () => {
  it('is measured as the built-in one is', async () => {
    const run = bench(hop(), '--json', '-');
    const { code, stdout, stderr } = await run.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const figures = JSON.parse(stdout);
    expect(figures).toMatchObject({ cancels: 20, misses: 0, zombies: 0, falseCancels: 0, spared: 2 });
    expect(figures.token).toMatchObject([{ hop: 'last' }]);
    expect(figures.stopped.p50).toBeGreaterThan(0);
    expect(hasSurvivors(run.pid)).toBe(false);
  });

  it.each([
    ['a cancel that never arrives', "if (id === '5') return tell(id, 'arrived');", '1 of 20 cancels never arrived'],
    [
      'calls that end by themselves',
      "if (lasting) { tell(id, 'arrived'); return resolve('done'); }",
      '20 of 20 calls had ended before they were cancelled',
    ],
    [
      'a handler that runs on',
      "if (id === '5') { tell(id, 'arrived'); return signal.addEventListener('abort', () => tell(id, 'cancelled')); }",
      '1 handler ran on after a cancel',
    ],
    [
      'a call that is cancelled though nobody did',
      "if (!lasting) tell(id, 'cancelled');",
      '2 of 2 calls that nobody cancelled came to an early end',
    ],
    [
      'a call that fails though nobody cancelled it',
      "if (!lasting) return reject(new Error('reset'));",
      '2 of 2 calls that nobody cancelled came to an early end',
    ],
  ])('fails for %s, with a line that says so', async (_, act, sentence) => {
    const { code, stdout } = await bench(hop(act)).ended;
    expect(stdout).toContain(`\n  ✗ ${sentence}\n`);
    expect(code).toBe(1);
  });

  it('that cannot be measured is told so in one line, with exit code 2', async () => {
    const run = bench('export const begin = 1;');
    const { code, stdout, stderr } = await run.ended;
    expect(stderr).toMatch(/^Expected .* to export a function `start`, it exports begin\.\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(hasSurvivors(run.pid)).toBe(false);
  });

  it('that is lost later on is exit code 1', async () => {
    const { code, stderr } = await bench(hop("if (id === '5') process.exit(3);")).ended;
    expect(stderr).toMatch(/^The process of .* has ended unexpectedly \(exit code 3\)\.\n$/);
    expect(code).toBe(1);
  });

  it('may end what it has started, also after Ctrl-C, which shows what was measured so far', async () => {
    const ended = "end: async () => { await null; process.stderr.write('ended\\n'); },";
    const run = bench(hop("if (id === '8') process.kill(process.ppid, 'SIGINT');", ended), '--cancels', '100000');
    const { code, stdout, stderr } = await run.ended;
    expect(stdout).toMatch(/✗ interrupted after [678] cancels/);
    expect(stdout).toContain("last's token cancelled");
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'ended\n' });
    expect(hasSurvivors(run.pid)).toBe(false);
  });

  const ends = (more = '') => `end: () => { process.stderr.write('ended\\n'); ${more} },`;
  const interrupted = (signal: string, ppid = 'process.ppid') => `if (id === '8') process.kill(${ppid}, '${signal}');`;

  it('has its figures shown, too, when there are more signals than one', async () => {
    const again = ends("process.kill(process.ppid, 'SIGTERM');");
    const { code, stdout, stderr } = await bench(hop(interrupted('SIGTERM'), again), '--cancels', '100000').ended;
    expect(stdout).toMatch(/✗ interrupted after [678] cancels/);
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'ended\n' });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('is ended, too, when all of the group get %s', async (signal) => {
    const { code, stdout, stderr } = await bench(hop(interrupted(signal, '0'), ends()), '--cancels', '100000').ended;
    expect(stdout).toMatch(/✗ interrupted after [678] cancels/);
    expect({ code, stderr }).toEqual({ code: 130, stderr: 'ended\n' });
  });

  it('is ended, too, when it comes up only after the signal', async () => {
    const run = bench(`
      export async function start() {
        process.kill(process.ppid, 'SIGTERM');
        await new Promise((resolve) => process.once('disconnect', resolve));
        return { call() {}, ${ends()} };
      }`);
    const { code, stdout, stderr } = await run.ended;
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: 'ended\n' });
    expect(hasSurvivors(run.pid)).toBe(false);
  });

  it('has no figures of what was cancelled to warm up', async () => {
    const { code, stdout, stderr } = await bench(hop(interrupted('SIGINT')), '--warmup', '100000').ended;
    const sentence = 'Interrupted while warming up: there are no figures.\n';
    expect({ code, stdout, stderr }).toEqual({ code: 130, stdout: '', stderr: sentence });
  });

  it('has it told, after a signal too, where its figures can not be written', async () => {
    const { code, stdout, stderr } = await bench(hop(interrupted('SIGINT')), '--json', folder).ended;
    expect(stdout).toMatch(/✗ interrupted after [678] cancels/);
    expect(stderr).toMatch(/^Expected --json to name a file that can be written; .*\n$/);
    expect(code).toBe(130);
  });

  it('may have calls that are through at once, beside a load of them', async () => {
    const { code, stderr } = await bench(hop(), '--load', '2').ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('is ended, too, when the benchmark itself is killed', async () => {
    const ended = "end: () => { process.stderr.write('ended\\n'); },";
    const run = bench(hop("if (id === '8') process.kill(process.ppid, 'SIGKILL');", ended), '--cancels', '100000');
    const { signal, stderr } = await run.ended;
    expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: 'ended\n' });
  });
});
