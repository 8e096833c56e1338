import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bar, mark } from '../../lib/cli/bar.ts';

const plain = (_: string, text: string) => text;
const axis = { cells: 10, spanMs: 1_000 };
const draw = (fromMs: number, toMs: number, eventMs = Number.POSITIVE_INFINITY, saves = true) =>
  bar(axis, { fromMs, toMs, eventMs, saves, style: 'cyan' }, plain);

describe('a bar', () => {
  it.each([
    ['work that runs to its end', draw(0, 1_000), '██████████'],
    ['work that is saved', draw(0, 500, 500), '█████·····'],
    ['a start in the middle of a cell', draw(150, 500, 500), ' ▐███·····'],
    ['an end at an eighth of a cell', draw(0, 525, 525), '█████▎····'],
    ['work for nobody', draw(0, 1_000, 300), '███▒▒▒▒▒▒▒'],
    ['work for nobody that ends', draw(100, 800, 300), ' ██▒▒▒▒▒··'],
    ['no work at all, of which something shows', draw(200, 200, 200), '  ▌·······'],
    ['nothing to be saved', draw(0, 500, 500, false), '█████     '],
  ])('shows %s', (_, drawn, expected) => {
    expect(drawn).toBe(expected);
  });

  it('is as wide as its axis, whatever it shows', () => {
    const ms = fc.double({ min: 0, max: 2_000, noNaN: true });
    fc.assert(
      fc.property(ms, ms, ms, fc.integer({ min: 1, max: 60 }), (fromMs, toMs, eventMs, cells) => {
        const span = { fromMs, toMs, eventMs, saves: true, style: 'cyan' } as const;
        expect(bar({ cells, spanMs: 1_000 }, span, plain)).toHaveLength(cells);
      }),
    );
  });
});

describe('a mark', () => {
  it('points at its instant, and stays on the axis', () => {
    expect(mark(axis, 300, 'now')).toBe('   ▾ now  ');
    expect(mark(axis, 5_000, 'now')).toBe('         ▾ now');
  });
});
