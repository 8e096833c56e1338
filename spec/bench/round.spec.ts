import { describe, expect, it } from 'vitest';
import type { Settings } from '../../bench/harness.ts';
import { rounds } from '../../bench/round.ts';

const settings: Settings = { roundMs: 3, maxOps: 16 };

describe('an experiment', () => {
  it('measures itself: its figure is that of the round', async () => {
    const seen: Settings[] = [];
    const experiment = {
      measure: (given: Settings) => Promise.resolve(seen.push(given)),
      close() {},
    };
    const { warm, next } = await rounds(experiment, '/s', settings);
    expect([warm, await next(), await next()]).toEqual([{ figure: 1 }, { figure: 2 }, { figure: 3 }]);
    expect(seen).toEqual([settings, settings, settings]);
  });

  it('that fails says why', async () => {
    const experiment = { measure: () => Promise.reject(new Error('answered 503')), close() {} };
    await expect(rounds(experiment, 'µs', settings)).rejects.toThrow('answered 503');
  });
});
