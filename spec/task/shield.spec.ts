import { describe, expect, it } from 'vitest';
import type { CancellationToken } from '../../lib/core/index.ts';
import { justStopped, run, shield, sleep, suspendForever } from '../../lib/task/index.ts';
import { bench, stopped, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('shield', () => {
  const on = bench();
  const rejection = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.unreachable(),
      (error) => error,
    );

  it('S2-10: runs to the end in spite of a cancel; without a parent the value is kept', async () => {
    const running = run((token) => shield((inner) => sleep(10, inner).then(() => token.cancelled), { timeout: 100 }), {
      token: on.root.token,
    });
    on.root.cancel();
    await on.clock.advanceAsync(10);
    expect(await running).toEqual({ kind: 'value', value: true });
  });

  it('E14: delivers at its end the stop that was asked for meanwhile', async () => {
    const running = rejection(shield((token) => sleep(10, token), { timeout: 100, parent: on.root.token }));
    const state = watch(running);
    on.root.cancel();
    await on.rest();
    expect(state.done).toBe(false);
    await on.clock.advanceAsync(10);
    expect(await running).toBe(on.root.token.error);
  });

  it('E14: runs clean-up that has to wait, under a token that is cancelled already', async () => {
    const log: string[] = [];
    const running = run(
      async (token) => {
        try {
          await suspendForever(token);
        } finally {
          await shield((inner) => sleep(5, inner).then(() => log.push('rolled back')), { timeout: 100, parent: token });
        }
      },
      { token: on.root.token },
    );
    on.root.cancel();
    await on.clock.advanceAsync(5);
    expect([await running, log]).toEqual([stopped(on.root), ['rolled back']]);
  });

  it("its token knows neither the parent's cancel nor its deadline, and has the limit as its own", async () => {
    let seen!: CancellationToken;
    const running = shield(
      (token) => {
        seen = token;
        return sleep(1, token);
      },
      { timeout: 100, parent: on.root.token },
    );
    expect(seen.remaining()).toBe(100);
    await on.clock.advanceAsync(1);
    await running;
  });

  it('at the limit the task is stopped, and the promise rejects with that', async () => {
    const running = rejection(shield(suspendForever, { timeout: 10 }));
    await on.clock.advanceAsync(10);
    expect(await running).toMatchObject({ name: 'TimeoutError', reason: 'TIMEOUT' });
  });

  it('a task that ignores its limit is left running: nothing hangs', async () => {
    const deaf = gate();
    const running = rejection(shield(() => deaf.opened, { timeout: 10, graceMs: 5 }));
    await on.clock.advanceAsync(15);
    expect(await running).toMatchObject({ reason: 'TIMEOUT', cause: { errors: [{ name: 'AbandonedError' }] } });
    deaf.open();
  });

  it("the parent's stop comes before that of the limit, which is kept", async () => {
    const running = rejection(shield(suspendForever, { timeout: 10, parent: on.root.token }));
    on.root.cancel('SHUTDOWN');
    await on.clock.advanceAsync(10);
    expect(await running).toMatchObject({ reason: 'SHUTDOWN', cause: { errors: [{ reason: 'TIMEOUT' }] } });
  });

  it('an error comes before the stop', async () => {
    on.root.cancel();
    const running = shield(() => Promise.reject(new Error('no')), { timeout: 10, parent: on.root.token });
    await expect(running).rejects.toThrow('no');
  });

  it('what stops inside is a stop as always', async () => {
    await expect(shield(async () => justStopped('enough'), { timeout: 10 })).rejects.toMatchObject({
      description: 'enough',
    });
  });

  it('refuses a limit that is missing, negative or no number, and a parent that is none', () => {
    for (const timeout of [undefined, '1']) expect(() => shield(() => 1, { timeout } as never)).toThrow(TypeError);
    for (const timeout of [-1, Number.NaN]) expect(() => shield(() => 1, { timeout })).toThrow(RangeError);
    expect(() => shield(() => 1, undefined as never)).toThrow('`options`');
    expect(() => shield(() => 1, { timeout: 1, parent: 1 as never })).toThrow('`parent`');
    expect(() => shield(1 as never, { timeout: 1 })).toThrow('`task`');
  });
});
