import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { faulty } from '../../lib/measure/fault.ts';
import { type FakeClock, fakeClock } from '../../lib/testing/index.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = fakeClock();
});
afterEach(() => clock[Symbol.dispose]());

describe('a hop with a fault', () => {
  it('hands a cancel on late, with its reason', async () => {
    const source = new CancellationSource();
    const late = faulty({ delayMs: 2 })(source.token);
    source.cancel('SHUTDOWN');
    await clock.advanceAsync(1);
    expect(late.cancelled).toBe(false);
    await clock.advanceAsync(1);
    expect(late.reason).toBe('SHUTDOWN');
  });

  it('loses each tenth', () => {
    const hand = faulty('lost');
    const { token } = new CancellationSource();
    const handed = Array.from({ length: 20 }, () => hand(token));
    expect(handed.flatMap((one, index) => (one === CancellationToken.none ? [index + 1] : []))).toEqual([10, 20]);
    expect(handed.filter((one) => one === token)).toHaveLength(18);
  });

  it('without one, hands its own token on', () => {
    const { token } = new CancellationSource();
    expect(faulty(null)(token)).toBe(token);
  });
});
