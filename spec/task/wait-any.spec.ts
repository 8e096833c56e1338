import { describe, expect, it } from 'vitest';
import { pendingAlarms, snapshot } from '../../lib/core/index.ts';
import {
  type AbandonedError,
  justStopped,
  run,
  sleep,
  suspendForever,
  type Task,
  unwrap,
  waitAny,
} from '../../lib/task/index.ts';
import { bench, stopped, tidy, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('waitAny', () => {
  const on = bench();
  const won = (index: number, value: unknown) => ({ kind: 'value', value: { index, value } });

  it('S4-23: starts all tasks, with a token of its own, that only it can cancel', async () => {
    const seen: unknown[] = [];
    const task: Task<number> = (token) => seen.push(token);
    await waitAny([task, task, task], { token: on.root.token });
    expect(seen).toHaveLength(3);
    expect(seen).not.toContain(on.root.token);
  });

  it('S4-24: starts in order, and the rest too when the first ends at once; they then see the stop', async () => {
    const log: string[] = [];
    const task =
      (name: string): Task<string> =>
      (token) => {
        log.push(`${name} ${token.cancelled}`);
        return name;
      };
    expect(await waitAny([task('a'), task('b'), task('c')])).toEqual(won(0, 'a'));
    expect(log).toEqual(['a false', 'b true', 'c true']);
  });

  it.each([
    ['value', (): number => 1],
    ['error', () => Promise.reject(new Error('no'))],
    ['stop', async () => justStopped()],
  ] as [string, Task<number>][])('S4-25: a first %s stops the others', async (_, first) => {
    const log: string[] = [];
    await waitAny([tidy(log, 'a'), first, tidy(log, 'b')]);
    expect(log.filter((line) => line.endsWith('ends')).sort()).toEqual(['a ends', 'b ends']);
  });

  it('S4-26: ends only when every task has ended', async () => {
    const straggler = gate();
    const running = waitAny([() => 1, () => straggler.opened]);
    const state = watch(running);
    await on.rest();
    expect(state.done).toBe(false);
    straggler.open();
    expect(await running).toEqual(won(0, 1));
  });

  it('S4-27, S4-37: ends in the way in which the first one ended', async () => {
    const error = new Error('no');
    expect(await waitAny([suspendForever, async () => 7])).toEqual(won(1, 7));
    expect(await waitAny([suspendForever, () => Promise.reject(error)])).toEqual({ kind: 'error', error });
    expect(await waitAny([suspendForever, async () => justStopped('enough')])).toMatchObject({
      kind: 'stopped',
      error: { description: 'enough' },
    });
  });

  it("S4-28: a loser's late value changes nothing, and its late error is kept beside the outcome", async () => {
    const [one, two] = [gate<string>(), gate<string>()];
    const running = waitAny([() => 'won', () => one.opened, () => two.opened]);
    await on.rest();
    one.open('late');
    two.fail(new Error('late'));
    expect(await running).toEqual({ ...won(0, 'won'), suppressed: [new Error('late')] });
  });

  it('S4-29: tells which one won', async () => {
    const running = waitAny([suspendForever, (token) => sleep(1, token)], { token: on.root.token });
    await on.clock.advanceAsync(1);
    expect(await running).toEqual(won(1, undefined));
  });

  it("S4-30: hands the parent's stop on to the tasks, with its reason", async () => {
    const reasons: unknown[] = [];
    const task: Task<never> = (token) => {
      token.onCancel((error) => reasons.push(error));
      return suspendForever(token);
    };
    const running = waitAny([task, task], { token: on.root.token });
    on.root.cancel('SHUTDOWN');
    expect(await running).toEqual(stopped(on.root));
    expect(reasons).toEqual([on.root.token.error, on.root.token.error]);
  });

  it.each([
    ['a value', (): unknown => 1, undefined],
    ['an error', () => Promise.reject(new Error('early')), [new Error('early')]],
  ])("S4-31, S4-42: a parent's stop beats %s that was there before, and an error is kept", async (_, first, kept) => {
    const straggler = gate();
    const running = waitAny([first, () => straggler.opened], { token: on.root.token });
    await on.rest();
    on.root.cancel('SHUTDOWN');
    straggler.open();
    const { suppressed, ...outcome } = await running;
    expect([outcome, suppressed]).toEqual([stopped(on.root), kept]);
  });

  it('S4-32: has nothing left on the parent when the parent goes on', async () => {
    const running = waitAny([(token) => sleep(1, token), suspendForever], { token: on.root.token, graceMs: 5 });
    expect(snapshot(on.root.token).children).toHaveLength(1);
    const seen = running.then(() => snapshot(on.root.token).children.length);
    await on.clock.advanceAsync(1);
    expect(await seen).toBe(0);
  });

  it('S4-33: of no tasks is refused, and of one is that one', async () => {
    expect(() => waitAny([])).toThrow(TypeError);
    expect(() => waitAny([])).toThrow('one task or more');
    expect(await waitAny([() => 1])).toEqual(won(0, 1));
    expect(await waitAny([() => justStopped('enough')])).toMatchObject({ kind: 'stopped' });
  });

  it('S4-34: one inside another stops and waits all the way down', async () => {
    const log: string[] = [];
    const inner: Task<unknown> = (token) => waitAny([tidy(log, 'a', 2), tidy(log, 'b')], { token }).then(unwrap);
    const outer: Task<unknown> = (token) => waitAny([inner, tidy(log, 'c')], { token }).then(unwrap);
    const outcome = await waitAny([outer, () => 1]);
    log.push('outermost ends');
    expect(outcome).toEqual(won(1, 1));
    expect(log.slice(0, 3)).toEqual(['a starts', 'b starts', 'c starts']);
    expect([...log.slice(3, 6)].sort()).toEqual(['a ends', 'b ends', 'c ends']);
    expect(log[6]).toBe('outermost ends');
  });

  it('E18: under a cancelled token it starts nothing', async () => {
    on.root.cancel();
    expect(await waitAny([() => expect.unreachable(), () => expect.unreachable()], { token: on.root.token })).toEqual(
      stopped(on.root),
    );
  });

  it('a timeout of its own is an outer stop: it beats a value that was there before', async () => {
    const straggler = gate();
    const running = waitAny([() => 1, () => straggler.opened], { token: on.root.token, timeout: 5 });
    await on.clock.advanceAsync(5);
    straggler.open();
    expect(await running).toMatchObject({ kind: 'stopped', error: { reason: 'TIMEOUT' } });
    expect(on.root.token.cancelled).toBe(false);
  });

  it('a timeout of its own is gone with it', async () => {
    expect(await waitAny([() => 1], { token: on.root.token, timeout: 5, name: 'limited' })).toEqual(won(0, 1));
    expect([pendingAlarms(), snapshot(on.root.token).children]).toEqual([0, []]);
  });

  it('a task that ignores its token is left running after the grace, and the outcome tells of it', async () => {
    const deaf = gate<string>();
    const running = waitAny([() => 1, () => deaf.opened], { token: on.root.token, graceMs: 50 });
    await on.clock.advanceAsync(50);
    const outcome = await running;
    expect(outcome).toMatchObject({ ...won(0, 1), suppressed: [{ name: 'AbandonedError' }] });
    const [abandoned] = outcome.suppressed as [AbandonedError];
    expect([abandoned.message, abandoned.index]).toEqual([expect.stringContaining('Task 1'), 1]);
    deaf.fail(new Error('late'));
    expect(await abandoned.ended).toEqual({ kind: 'error', error: new Error('late') });
  });

  it('the same error of two tasks is told of once', async () => {
    const error = new Error('shared');
    const failing = Promise.reject(error);
    expect(await waitAny([() => failing, () => failing])).toEqual({ kind: 'error', error });
  });

  it.each([
    ['no list', [undefined], TypeError],
    ['a list of something else', [[() => 1, 2]], TypeError],
    ['a negative grace', [[() => 1], { graceMs: -1 }], RangeError],
    ['a token that is none', [[() => 1], { token: 'x' }], TypeError],
  ])('%s is refused at the call', (_, args, kind) => {
    expect(() => waitAny(...(args as [[]]))).toThrow(kind);
  });

  it('names the place of what is no task', () => {
    expect(() => waitAny([() => 1, null as never])).toThrow('`tasks[1]`');
  });

  it('S4-43, S4-44: ten thousand times ten tasks that end at once, one group inside the other, need no stack', async () => {
    let sum = 0;
    for (let i = 0; i < 1e4; i++) sum += unwrap(await waitAny([() => 1, () => 2])).value;
    expect(sum).toBe(1e4);
    const wide = await waitAny(Array.from({ length: 1e5 }, (_, i) => () => i));
    expect(wide).toEqual(won(0, 0));
    const deep =
      (depth: number): Task<number> =>
      async (token) =>
        depth === 0 ? 1 : (await waitAny([deep(depth - 1)], { token }).then(unwrap)).value;
    expect(unwrap(await run(deep(1000)))).toBe(1);
  });
});
