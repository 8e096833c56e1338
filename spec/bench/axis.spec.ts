import { describe, expect, it } from 'vitest';
import { axis } from '../../bench/axis.ts';

const texts = (...given: Parameters<typeof axis>) => axis(...given).ticks.map(({ text }) => text);

describe('the axis of a picture', () => {
  it('has whole decades where figures lie far apart', () => {
    expect(texts('ns', [1.6, 220, 48_000])).toEqual(['1 ns', '10 ns', '100 ns', '1 µs', '10 µs', '100 µs']);
    expect(texts('µs', [12, 9_000])).toEqual(['10 µs', '100 µs', '1 ms', '10 ms']);
  });

  it('has finer ones where they lie close together', () => {
    expect(texts('/s', [7_300, 61_000])).toEqual(['5,000/s', '10,000/s', '20,000/s', '50,000/s', '100,000/s']);
    expect(texts('B', [110, 130])).toEqual(['100 B', '200 B']);
  });

  it('has two ends even where there is one figure, or none above 1', () => {
    expect(texts('ns', [100])).toEqual(['100 ns', '200 ns']);
    expect(texts('ns', [0.2])).toEqual(['1 ns', '2 ns']);
  });

  it('puts each figure in its place, and what is below into the corner', () => {
    const { part } = axis('ns', [1, 10_000]);
    expect([part(1), part(100), part(10_000), part(0.3)]).toEqual([0, 0.5, 1, 0]);
  });
});
