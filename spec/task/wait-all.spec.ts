import { describe, expect, it } from 'vitest';
import { snapshot } from '../../lib/core/index.ts';
import { justStopped, sleep, suspendForever, type Task, unwrap, waitAll } from '../../lib/task/index.ts';
import { bench, stopped, tidy, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('S4-45: waitAll', () => {
  const on = bench();

  it('yields all values in the order of the tasks, whichever ends first', async () => {
    const last = gate<string>();
    const running = waitAll([() => last.opened, () => 2, async (): Promise<true> => true]);
    await on.rest();
    last.open('one');
    const [text, number, flag] = unwrap(await running);
    expect([text.length, number + 1, flag]).toEqual([3, 3, true]);
  });

  it('of no tasks yields no values, unless the token is cancelled', async () => {
    expect(await waitAll([])).toEqual({ kind: 'value', value: [] });
    on.root.cancel();
    expect(await waitAll([], { token: on.root.token })).toEqual(stopped(on.root));
  });

  it('the first error stops the others and waits for them', async () => {
    const log: string[] = [];
    const error = new Error('no');
    const running = waitAll([tidy(log, 'a', 3), () => Promise.reject(error), tidy(log, 'b')]);
    expect(await running).toEqual({ kind: 'error', error });
    expect(log.slice(2).sort()).toEqual(['a ends', 'b ends']);
  });

  it('a task that stops by itself stops the others and the whole', async () => {
    const log: string[] = [];
    const outcome = await waitAll([tidy(log, 'a'), async () => justStopped('enough')]);
    expect(outcome).toMatchObject({ kind: 'stopped', error: { description: 'enough' } });
    expect(log).toEqual(['a starts', 'a ends']);
  });

  it("the parent's stop beats values and errors that were there before", async () => {
    const straggler = gate();
    const early = new Error('early');
    const tasks = [() => 1, () => Promise.reject(early), () => straggler.opened];
    const running = waitAll(tasks, { token: on.root.token });
    await on.rest();
    on.root.cancel('SHUTDOWN');
    straggler.open();
    expect(await running).toEqual({ ...stopped(on.root), suppressed: [early] });
  });

  it("the parent's stop beats the values of tasks that ignored it", async () => {
    const running = waitAll([() => 1, () => Promise.resolve(2)], { token: on.root.token });
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
  });

  it('E16: the first that fails or stops gives the kind; later errors are kept', async () => {
    const [error, late] = [new Error('first'), new Error('late')];
    const fails =
      (thrown: Error): Task<never> =>
      async (token) => {
        await suspendForever(token).catch(() => undefined);
        throw thrown;
      };
    expect(await waitAll([async () => justStopped('x'), fails(late)])).toMatchObject({
      kind: 'stopped',
      error: { description: 'x' },
      suppressed: [late],
    });
    expect(await waitAll([() => Promise.reject(error), fails(late)])).toEqual({
      kind: 'error',
      error,
      suppressed: [late],
    });
    expect(await waitAll([() => Promise.reject(error), suspendForever])).toEqual({ kind: 'error', error });
  });

  it('E18: under a cancelled token it starts nothing', async () => {
    on.root.cancel();
    expect(await waitAll([() => expect.unreachable()], { token: on.root.token })).toEqual(stopped(on.root));
  });

  it('a task that ignores its token is left running after the grace', async () => {
    const error = new Error('no');
    const deaf = gate();
    const running = waitAll([() => Promise.reject(error), () => deaf.opened], { graceMs: 10 });
    const state = watch(running);
    await on.clock.advanceAsync(9);
    expect(state.done).toBe(false);
    await on.clock.advanceAsync(1);
    expect(await running).toMatchObject({ kind: 'error', error, suppressed: [{ name: 'AbandonedError' }] });
    deaf.open();
  });

  it('inside another stops and waits all the way down', async () => {
    const log: string[] = [];
    const inner: Task<unknown> = (token) => waitAll([tidy(log, 'a', 2), tidy(log, 'b')], { token }).then(unwrap);
    const running = waitAll([inner, tidy(log, 'c')], { token: on.root.token });
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
    expect(log.slice(3).sort()).toEqual(['a ends', 'b ends', 'c ends']);
  });

  it('has nothing left on the parent when the parent goes on', async () => {
    const running = waitAll([(token) => sleep(1, token)], { token: on.root.token }).then(
      () => snapshot(on.root.token).children.length,
    );
    await on.clock.advanceAsync(1);
    expect(await running).toBe(0);
  });

  it('a hundred thousand tasks that end at once need no stack', async () => {
    const values = unwrap(await waitAll(Array.from({ length: 1e5 }, (_, i) => () => i)));
    expect(values.at(-1)).toBe(1e5 - 1);
  });

  it.each([
    ['no list', [undefined], TypeError],
    ['a list of something else', [[1]], TypeError],
    ['a timeout that is no number', [[], { timeout: Number.NaN }], RangeError],
  ])('%s is refused at the call', (_, args, kind) => {
    expect(() => waitAll(...(args as [[]]))).toThrow(kind);
  });
});
