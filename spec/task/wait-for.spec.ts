import { describe, expect, it } from 'vitest';
import { pendingAlarms } from '../../lib/core/index.ts';
import { justStopped, sleep, suspendForever, type Task, unwrap, waitFor } from '../../lib/task/index.ts';
import { bench, stopped } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('S4-46: waitFor', () => {
  const on = bench();
  const nothing = { kind: 'value', value: undefined };
  const some = (value: unknown) => ({ kind: 'value', value: { value } });

  it('yields the value, or nothing when the limit came first', async () => {
    const [quick, slow] = [1, 100].map((ms) => waitFor((token) => sleep(ms, token).then(() => ms), 10));
    await on.clock.advanceAsync(10);
    expect([await quick, await slow]).toEqual([some(1), nothing]);
  });

  it.each([
    ['returns', (): number => 1],
    ['is async and returns', async () => 1],
    ['resolves', () => Promise.resolve(1)],
  ])('sets no timer for a task that %s immediately', async (_, task) => {
    const running = waitFor(task, 10);
    const alarms = running.then(() => pendingAlarms());
    await undefined;
    expect([pendingAlarms(), on.clock.pending]).toEqual([0, 0]);
    expect([await running, await alarms]).toEqual([some(1), 0]);
  });

  it('tells the task of the limit by its token, with the reason TIMEOUT', async () => {
    let reason: unknown;
    const task: Task<never> = (token) => {
      token.onCancel((error) => {
        reason = error.reason;
      });
      return suspendForever(token);
    };
    const running = waitFor(task, 10);
    await on.clock.advanceAsync(10);
    expect([await running, reason]).toEqual([nothing, 'TIMEOUT']);
  });

  it('S0-02: the token tells the limit to what the task calls at once', async () => {
    const told: number[] = [];
    await waitFor((token) => {
      told.push(token.remaining(), token.child().token.remaining());
    }, 10);
    await waitFor((token) => void told.push(token.remaining()), 10, { timeout: 5 });
    await waitFor((token) => void told.push(token.remaining()), Number.POSITIVE_INFINITY);
    expect(told).toEqual([10, 10, 5, Number.POSITIVE_INFINITY]);
  });

  it('a value that arrives after the limit counts', async () => {
    const deaf = gate<number>();
    const running = waitFor(() => deaf.opened, 10);
    await on.clock.advanceAsync(10);
    deaf.open(1);
    expect(await running).toEqual(some(1));
  });

  it.each(['before', 'after'])('an error %s the limit is the error', async (when) => {
    const failing = gate();
    const running = waitFor(() => failing.opened, 10);
    if (when === 'after') await on.clock.advanceAsync(10);
    failing.fail(new Error('no'));
    expect(await running).toEqual({ kind: 'error', error: new Error('no') });
  });

  it('a task that stops by itself is a stop', async () => {
    expect(await waitFor(async () => justStopped('enough'), 10)).toMatchObject({
      kind: 'stopped',
      error: { description: 'enough' },
    });
  });

  it("the parent's stop is a stop, even when the limit came before", async () => {
    const deaf = gate<number>();
    const running = waitFor(() => deaf.opened, 10, { token: on.root.token });
    await on.clock.advanceAsync(10);
    on.root.cancel();
    deaf.open(1);
    expect(await running).toEqual(stopped(on.root));
  });

  it('one inside another: the inner nothing is a value of the outer one', async () => {
    const inner: Task<unknown> = (token) => waitFor(suspendForever, 10, { token }).then(unwrap);
    const running = waitFor(inner, 20);
    await on.clock.advanceAsync(10);
    expect(await running).toEqual(some(undefined));
  });

  it('a task that ignores its token is left running after the grace', async () => {
    const deaf = gate();
    const running = waitFor(() => deaf.opened, 10, { graceMs: 5 });
    await on.clock.advanceAsync(15);
    expect(await running).toMatchObject({ ...nothing, suppressed: [{ name: 'AbandonedError' }] });
    deaf.open();
  });

  it('E18: with no time, or under a cancelled token, it starts nothing', async () => {
    expect(await waitFor(() => expect.unreachable(), 0)).toEqual(nothing);
    on.root.cancel();
    expect(await waitFor(() => expect.unreachable(), 10, { token: on.root.token })).toEqual(stopped(on.root));
  });

  it('of Infinity waits as long as it takes', async () => {
    const running = waitFor((token) => sleep(1e9, token), Number.POSITIVE_INFINITY);
    await on.clock.advanceAsync(1e9);
    expect(await running).toEqual(some(undefined));
  });

  it('counts from the call, however late the loop comes to it', async () => {
    const running = waitFor(suspendForever, 10);
    on.clock.advance(10);
    expect(await running).toEqual(nothing);
  });

  it.each<[string, unknown[], new () => Error]>([
    ['no task', [undefined, 1], TypeError],
    ['no limit', [() => 1, undefined], TypeError],
    ['a negative limit', [() => 1, -1], RangeError],
    ['a limit that is no number', [() => 1, Number.NaN], RangeError],
  ])('%s is refused at the call', (_, args, kind) => {
    expect(() => waitFor(...(args as [Task<void>, number]))).toThrow(kind);
  });
});
