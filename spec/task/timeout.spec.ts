import { describe, expect, it } from 'vitest';
import { clock as coreClock } from '../../lib/core/index.ts';
import { sleep, suspendForever, withDeadline, withTimeout } from '../../lib/task/index.ts';
import { bench, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('withTimeout', () => {
  const on = bench();

  it('yields the value of a task that ends in time', async () => {
    const running = withTimeout(10, (token) => sleep(9, token).then(() => 7));
    await on.clock.advanceAsync(9);
    expect(await running).toBe(7);
  });

  it('rejects with a TimeoutError at the limit, when the task has ended', async () => {
    const cleanup = gate();
    const running = withTimeout(10, async (token) => {
      await suspendForever(token).catch(() => undefined);
      await cleanup.opened;
      token.throwIfCancelled();
    });
    const rejected = expect(running).rejects.toMatchObject({ name: 'TimeoutError', reason: 'TIMEOUT' });
    const state = watch(running);
    await on.clock.advanceAsync(10);
    expect(state.done).toBe(false);
    cleanup.open();
    await rejected;
  });

  it('E15: a value that arrives after the limit is a value', async () => {
    const deaf = gate<number>();
    const running = withTimeout(10, () => deaf.opened);
    await on.clock.advanceAsync(10);
    deaf.open(7);
    expect(await running).toBe(7);
  });

  it("the token's cancel comes through with its reason", async () => {
    const running = withTimeout(10, suspendForever, { token: on.root.token });
    on.root.cancel('SHUTDOWN');
    await expect(running).rejects.toBe(on.root.token.error);
  });

  it('a task that ignores the limit is left running after the grace', async () => {
    const deaf = gate();
    const running = withTimeout(10, () => deaf.opened, { graceMs: 0 });
    const rejected = expect(running).rejects.toMatchObject({
      reason: 'TIMEOUT',
      cause: { errors: [{ name: 'AbandonedError' }] },
    });
    await on.clock.advanceAsync(10);
    await rejected;
    deaf.open();
  });

  it('of 0 starts nothing; of Infinity has no limit', async () => {
    await expect(withTimeout(0, () => expect.unreachable())).rejects.toMatchObject({ reason: 'TIMEOUT' });
    expect(await withTimeout(Number.POSITIVE_INFINITY, (token) => token.deadline)).toBe(Number.POSITIVE_INFINITY);
  });

  it('refuses a limit that is negative or none', () => {
    expect(() => withTimeout(-1, () => 1)).toThrow(RangeError);
    expect(() => withTimeout(undefined as never, () => 1)).toThrow(TypeError);
    expect(() => withTimeout(1, undefined as never)).toThrow(TypeError);
    expect(() => withTimeout(1, () => 1, 5 as never)).toThrow('`options`');
  });
});

describe('withDeadline', () => {
  const on = bench();

  it('stops the task when the time has come', async () => {
    const running = withDeadline(coreClock.now() + 10, suspendForever);
    const rejected = expect(running).rejects.toMatchObject({ reason: 'TIMEOUT' });
    await on.clock.advanceAsync(10);
    await rejected;
  });

  it('that has passed starts nothing', async () => {
    await on.clock.advanceAsync(10);
    await expect(withDeadline(5, () => expect.unreachable())).rejects.toMatchObject({ reason: 'TIMEOUT' });
  });

  it("gives way to the token's earlier one", async () => {
    const running = withTimeout(5, (token) =>
      withDeadline(coreClock.now() + 10, async (inner) => inner.remaining(), { token }),
    );
    expect(await running).toBe(5);
  });

  it('refuses a time that is none', () => {
    expect(() => withDeadline('noon' as never, () => 1)).toThrow(TypeError);
    expect(() => withDeadline(Number.NaN, () => 1)).toThrow(RangeError);
  });
});
