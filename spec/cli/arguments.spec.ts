import { describe, expect, it } from 'vitest';
import { file, flag, readArguments, UsageError, whole } from '../../lib/cli/arguments.ts';

const options = { json: file, loud: flag, hops: whole(1, 16, 3) };
const read = (...args: string[]) => readArguments('bench', args, options);

describe('readArguments', () => {
  it('fills in what is not there', () => {
    expect(read()).toEqual({ json: undefined, loud: false, hops: 3 });
  });

  it('reads numbers as numbers, in both spellings', () => {
    expect(read('--hops', '16', '--loud', '--json=a b.json')).toEqual({ json: 'a b.json', loud: true, hops: 16 });
  });

  it.each([
    [['--frob'], "Unknown option '--frob'."],
    [['-x'], "Unknown option '-x'."],
    [['frob'], "Unexpected argument 'frob'."],
    [['--loud=1'], "Option '--loud' does not take an argument."],
    [['--no-loud'], "Unknown option '--no-loud'."],
    [['--hops'], "Option '--hops <value>' argument missing."],
    [['--hops', '--loud'], "Option '--hops' argument is ambiguous."],
    [['--hops', ''], "Expected --hops to be a whole number from 1 to 16, got ''."],
    [['--hops', 'three'], "Expected --hops to be a whole number from 1 to 16, got 'three'."],
    [['--hops', '0'], "Expected --hops to be a whole number from 1 to 16, got '0'."],
    [['--hops', '17'], "Expected --hops to be a whole number from 1 to 16, got '17'."],
    [['--hops', '2.5'], "Expected --hops to be a whole number from 1 to 16, got '2.5'."],
    [['--hops', '1e1'], "Expected --hops to be a whole number from 1 to 16, got '1e1'."],
    [['--hops=-1'], "Expected --hops to be a whole number from 1 to 16, got '-1'."],
    [['--json', ''], "Expected --json to be the name of a file, got ''."],
  ])('refuses %j in one sentence, and says where to look', (args, sentence) => {
    const refused = () => read(...args);
    expect(refused).toThrow(UsageError);
    expect(refused).toThrow(`${sentence} See \`nevermind bench --help\`.`);
  });
});
