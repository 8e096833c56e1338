import { describe, expect, it } from 'vitest';
import { justStopped, sleep, stopWhen, suspendForever, type Task } from '../../lib/task/index.ts';
import { bench, stopped, tidy } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('S4-47: stopWhen', () => {
  const on = bench();
  const nothing = { kind: 'value', value: undefined };
  const some = (value: unknown) => ({ kind: 'value', value: { value } });

  it('yields the value when the task ends first, and stops the trigger', async () => {
    const log: string[] = [];
    expect(await stopWhen(() => 1, tidy(log, 'trigger'))).toEqual(some(1));
    expect(await stopWhen(async () => 1, tidy(log, 'trigger'))).toEqual(some(1));
    expect(log.filter((line) => line.endsWith('ends'))).toHaveLength(2);
  });

  it.each([
    ['completes', async () => 'go'],
    ['stops', async () => justStopped()],
  ] as [string, Task<unknown>][])('yields nothing when the trigger %s', async (_, trigger) => {
    expect(await stopWhen(suspendForever, trigger)).toEqual(nothing);
  });

  it("the trigger's error is the outcome's", async () => {
    const error = new Error('no');
    expect(await stopWhen(suspendForever, () => Promise.reject(error))).toEqual({ kind: 'error', error });
  });

  it('a late value of the task wins over the trigger, and so does its error', async () => {
    const [value, failing] = [gate<number>(), gate()];
    const one = stopWhen(
      () => value.opened,
      async () => 'go',
    );
    const two = stopWhen(
      () => failing.opened,
      async () => 'go',
    );
    await on.rest();
    value.open(1);
    failing.fail(new Error('no'));
    expect([await one, await two]).toEqual([some(1), { kind: 'error', error: new Error('no') }]);
  });

  it('a late error of the trigger is kept beside the value', async () => {
    const failing = gate();
    const running = stopWhen(
      () => 1,
      () => failing.opened,
    );
    failing.fail(new Error('late'));
    expect(await running).toEqual({ ...some(1), suppressed: [new Error('late')] });
  });

  it('a task that stops by itself is a stop', async () => {
    expect(await stopWhen(async () => justStopped('enough'), suspendForever)).toMatchObject({
      kind: 'stopped',
      error: { description: 'enough' },
    });
  });

  it("the parent's stop is a stop, whatever the two do", async () => {
    for (const pair of [
      [suspendForever, suspendForever],
      [() => 1, suspendForever],
      [suspendForever, () => 1],
    ] as [Task<unknown>, Task<unknown>][]) {
      const running = stopWhen(...pair, { token: on.root.token });
      on.root.cancel();
      expect(await running).toEqual(stopped(on.root));
    }
  });

  it('tells the task that the trigger has come', async () => {
    let description: unknown;
    const running = stopWhen(
      (token) => {
        token.onCancel((error) => {
          description = error.description;
        });
        return suspendForever(token);
      },
      (token) => sleep(1, token),
    );
    await on.clock.advanceAsync(1);
    await running;
    expect(description).toContain('trigger');
  });

  it('E18: under a cancelled token it starts neither', async () => {
    on.root.cancel();
    const never = () => expect.unreachable();
    expect(await stopWhen(never, never, { token: on.root.token })).toEqual(stopped(on.root));
  });

  it('refuses a task or a trigger that is none', () => {
    expect(() => stopWhen(() => 1, undefined as never)).toThrow('`trigger`');
    expect(() => stopWhen('x' as never, () => 1)).toThrow('`task`');
  });
});
