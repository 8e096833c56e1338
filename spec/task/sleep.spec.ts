import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, pendingAlarms, snapshot } from '../../lib/core/index.ts';
import { sleep, suspendForever } from '../../lib/task/index.ts';
import { bench, watch } from './support/bench.ts';

describe('sleep', () => {
  const on = bench();

  it('lasts as long as it says, by the clock of deadlines', async () => {
    const asleep = watch(sleep(10, on.root.token));
    await on.clock.advanceAsync(9);
    expect(asleep.done).toBe(false);
    await on.clock.advanceAsync(1);
    expect(asleep.done).toBe(true);
  });

  it('S4-49: a stop removes the timer at once, and its completion comes later', async () => {
    const asleep = sleep(10, on.root.token);
    const state = watch(asleep);
    expect(pendingAlarms()).toBe(1);
    on.root.cancel('SHUTDOWN');
    expect([pendingAlarms(), state.done]).toEqual([0, false]);
    await expect(asleep).rejects.toBe(on.root.token.error);
  });

  it('of 0 is one of 1, as with setTimeout', async () => {
    const asleep = watch(sleep(0, on.root.token));
    await on.clock.advanceAsync(0);
    expect(asleep.done).toBe(false);
    await on.clock.advanceAsync(1);
    expect(asleep.done).toBe(true);
  });

  it('beyond the longest timer of the platform lasts as long as it says', async () => {
    const asleep = watch(sleep(2 ** 31 + 10, on.root.token));
    await on.clock.advanceAsync(2 ** 31);
    expect(asleep.done).toBe(false);
    await on.clock.advanceAsync(10);
    expect(asleep.done).toBe(true);
  });

  it('of Infinity waits for the cancel alone', async () => {
    const asleep = sleep(Number.POSITIVE_INFINITY, on.root.token);
    await on.clock.advanceAsync(1e12);
    on.root.cancel();
    await expect(asleep).rejects.toBe(on.root.token.error);
  });

  it("when the token's deadline comes at the same time, the deadline comes first", async () => {
    const source = new CancellationSource({ timeout: 10 });
    const rejected = expect(sleep(10, source.token)).rejects.toMatchObject({ reason: 'TIMEOUT' });
    await on.clock.advanceAsync(10);
    await rejected;
    expect(source.token.reason).toBe('TIMEOUT');
  });

  it('E18: under a cancelled token it does not begin', async () => {
    on.root.cancel();
    const asleep = sleep(10, on.root.token);
    expect(pendingAlarms()).toBe(0);
    await expect(asleep).rejects.toBe(on.root.token.error);
  });

  it('a thousand sleeps wait on one timer', async () => {
    const all = Promise.all(Array.from({ length: 1000 }, (_, i) => sleep(i + 1, on.root.token)));
    expect([on.clock.pending, pendingAlarms()]).toEqual([1, 1000]);
    await on.clock.advanceAsync(1000);
    await all;
  });

  it('takes an AbortSignal for a token', async () => {
    const controller = new AbortController();
    const asleep = sleep(10, controller.signal);
    controller.abort();
    await expect(asleep).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  it('refuses a time or a token that is none', () => {
    expect(() => sleep('1' as never, on.root.token)).toThrow(TypeError);
    expect(() => sleep(-1, on.root.token)).toThrow(RangeError);
    expect(() => sleep(Number.NaN, on.root.token)).toThrow(RangeError);
    expect(() => sleep(1, undefined as never)).toThrow('`token`');
  });
});

describe('suspendForever', () => {
  const on = bench();

  it('S4-49: ends with the cancel alone, and leaves nothing on the token', async () => {
    const waiting = suspendForever(on.root.token);
    expect(snapshot(on.root.token).callbacks).toBe(1);
    on.root.cancel();
    await expect(waiting).rejects.toBe(on.root.token.error);
  });

  it('under a cancelled token rejects at once', async () => {
    await expect(suspendForever(CancellationToken.cancelled('SHUTDOWN'))).rejects.toMatchObject({ reason: 'SHUTDOWN' });
  });

  it('refuses a token that is none', () => {
    expect(() => suspendForever({} as never)).toThrow(TypeError);
  });
});
