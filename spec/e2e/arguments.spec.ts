import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { cli, endAll, hasSurvivors } from './support/cli.ts';

afterEach(endAll);

describe('nevermind', () => {
  it.each([
    [['frob'], "Expected a command, demo and bench are there, got 'frob'. See `nevermind --help`."],
    [['toString'], "Expected a command, demo and bench are there, got 'toString'. See `nevermind --help`."],
    [['demo', '--frob'], "Unknown option '--frob'. See `nevermind demo --help`."],
    [
      ['bench', '--hops', 'three'],
      "Expected --hops to be a whole number from 1 to 16, got 'three'. See `nevermind bench --help`.",
    ],
  ])('answers %j with one line on standard error and exit code 2', async (args, sentence) => {
    expect(await cli(args).ended).toMatchObject({ code: 2, stdout: '', stderr: `${sentence}\n` });
  });

  it.each([
    [['--version'], `${manifest.version}\n`],
    [[], 'nevermind <command> --help'],
    [['demo', '--help'], '--no-propagate'],
    [['bench', '-h'], '--cancels N'],
  ])('answers %j on standard output', async (args, text) => {
    const { code, stdout, stderr } = await cli(args).ended;
    expect(stdout).toContain(text);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('says in a line that a port is in use, and leaves no process behind', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const demo = cli(['demo', '--serve', '--port', String(port)]);
    const { code, stderr } = await demo.ended;
    other.close();
    expect(code).toBe(1);
    expect(stderr).toBe(`Port ${port} on 127.0.0.1 is in use; choose another one, or 0 for any that is free.\n`);
    expect(hasSurvivors(demo.pid)).toBe(false);
  });
});
