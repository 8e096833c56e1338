import { describe, expect, it } from 'vitest';
import {
  type Baseline,
  BaselineError,
  heldBy,
  readBaseline,
  type Setting,
  updated,
} from '../../lib/measure/baseline.ts';

const setting: Setting = {
  node: 'Node 24',
  machine: 'linux x64',
  chain: 'built in',
  hops: 3,
  transport: 'h2c',
  at: 'working',
  load: 0,
};
const even = (ratio: number) => ({ ratio, low: ratio, high: ratio });
const baseline = updated(undefined, setting, { heard: even(1.234), stopped: even(1.5) });

describe('a baseline', () => {
  it('is read as it was written', () => {
    const read = readBaseline('b.json', JSON.stringify(baseline));
    expect(read).toEqual(baseline);
    expect(heldBy('b.json', read, setting)).toMatchObject({ heard: 1.23, stopped: 1.5 });
  });

  it('keeps what it has for other settings when it is updated, in an order of its own', () => {
    const other = { ...setting, node: 'Node 20' };
    const two = updated(baseline, other, { heard: even(2), stopped: even(3) });
    expect(two.baselines.map(({ node }) => node)).toEqual(['Node 20', 'Node 24']);
    const again = updated(two, other, { heard: even(4), stopped: even(5) });
    expect(again.baselines).toHaveLength(2);
    expect(heldBy('b.json', again, other)).toMatchObject({ heard: 4, stopped: 5 });
    expect(heldBy('b.json', again, setting)).toMatchObject({ heard: 1.23, stopped: 1.5 });
  });

  it('is read as it was written however far below the floor it is', () => {
    const near = updated(undefined, setting, { heard: even(0.001234), stopped: even(0.0567) });
    expect(heldBy('b.json', readBaseline('b.json', JSON.stringify(near)), setting)).toMatchObject({
      heard: 0.00123,
      stopped: 0.0567,
    });
  });

  it.each([
    ['of another line of Node', { node: 'Node 26' }, 'a baseline for Node 26, it has Node 24'],
    ['of another kind of machine', { machine: 'darwin arm64' }, 'a baseline for darwin arm64, it has linux x64'],
    [
      'of another measurement',
      { hops: 2, transport: 'h1' },
      'a baseline for --hops 2, --transport h1, it has --hops 3, --transport h2c',
    ],
  ])('%s is refused, with what there is', (_, other, words) => {
    const held = () => heldBy('b.json', baseline, { ...setting, ...other });
    expect(held).toThrow(BaselineError);
    expect(held).toThrow(`Expected b.json to hold ${words}. Make one here with --update-baseline.`);
  });

  it.each([
    ['{', 'Expected b.json to hold a baseline as JSON.'],
    ['{}', 'Expected b.json to hold a baseline of format 1, got something else.'],
    ['[1]', 'Expected b.json to hold a baseline of format 1, got something else.'],
    ['null', 'Expected b.json to hold a baseline of format 1, got something else.'],
    ['{"format":2,"baselines":[]}', 'Expected b.json to hold a baseline of format 1, got one of format 2.'],
    ['{"format":1,"baselines":[{}]}', 'Expected b.json to hold a baseline of format 1, got something else.'],
  ])('`%s` is none', (json, words) => {
    const advice = 'Mend it, or delete it and make one here with --update-baseline.';
    expect(() => readBaseline('b.json', json)).toThrow(`${words} ${advice}`);
  });

  it('that is empty holds nothing', () => {
    const empty: Baseline = { format: 1, baselines: [] };
    expect(() => heldBy('b.json', empty, setting)).toThrow('it is empty');
  });
});
