import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { justStopped, run, sleep, suspendForever } from '../../lib/task/index.ts';
import { type CancellationMatchers, fakeClock, matchers } from '../../lib/testing/index.ts';

expect.extend(matchers);

declare module 'vitest' {
  interface Matchers<T> extends CancellationMatchers<T> {}
}

describe('toBeCancelled', () => {
  it('tells a cancelled token or signal from a live one, and its reason', () => {
    const source = new CancellationSource();
    expect(source.token).not.toBeCancelled();
    expect(() => expect(source.token).toBeCancelled()).toThrow('Expected the token to be cancelled, it is live.');
    source.cancel('SHUTDOWN');
    expect(source.token).toBeCancelled();
    expect(source.token).toBeCancelled('SHUTDOWN');
    expect(AbortSignal.abort()).toBeCancelled('CANCELLED');
    expect(source.token).not.toBeCancelled('TIMEOUT');
    expect(() => expect(source.token).toBeCancelled('TIMEOUT')).toThrow('cancelled (TIMEOUT), it is SHUTDOWN.');
    expect(() => expect(CancellationToken.cancelled()).not.toBeCancelled()).toThrow('Expected not the token');
    expect(() => expect(7).toBeCancelled()).toThrow(TypeError);
  });
});

describe('toBeStopped', () => {
  it('tells a stop from a value and an error, and its reason', async () => {
    const outcome = await run(() => justStopped());
    expect(outcome).toBeStopped();
    expect(outcome).toBeStopped('CANCELLED');
    expect(outcome).not.toBeStopped('TIMEOUT');
    await expect(run(() => 7)).resolves.not.toBeStopped();
    expect(() => expect({ kind: 'value', value: 7 }).toBeStopped()).toThrow('to be stopped, it is value.');
    expect(() => expect(outcome).toBeStopped('TIMEOUT')).toThrow('stopped (TIMEOUT), it is stopped (CANCELLED).');
  });

  it.each([undefined, run(() => 7), {}])('refuses what is no outcome: %s', (received) => {
    expect(() => expect(received).not.toBeStopped()).toThrow('Expected `received` to be an outcome of run');
  });
});

describe('toStopWithin', () => {
  it('lets pass a task that ends in time after its cancel, by the fake clock too', async () => {
    await expect(suspendForever).toStopWithin(0);
    using clock = fakeClock();
    await expect((token: CancellationToken) => tidyUp(token, 10)).toStopWithin(10);
    expect(clock.now).toBe(10);
  });

  it('does not let pass one that takes longer, nor one that had ended before', async () => {
    using _ = fakeClock();
    const slow = (token: CancellationToken) => tidyUp(token, 11);
    await expect(slow).not.toStopWithin(10);
    await expect(expect(slow).toStopWithin(10)).rejects.toThrow('within 10 ms of its cancel; it had not ended by then');
    await expect(expect(() => 7).toStopWithin(10)).rejects.toThrow('it had ended before it was cancelled');
  });

  it.each([Number.NaN, -5, undefined])('refuses to wait for %s', async (ms) => {
    await expect(expect(suspendForever).toStopWithin(ms as number)).rejects.toThrow('Expected `ms` to be');
  });

  async function tidyUp(token: CancellationToken, ms: number): Promise<void> {
    await suspendForever(token).catch(() => undefined);
    await sleep(ms, CancellationToken.none);
  }
});
