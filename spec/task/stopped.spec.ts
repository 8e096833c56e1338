import { describe, expect, it } from 'vitest';
import { CancellationError, CancellationToken } from '../../lib/core/index.ts';
import {
  justStopped,
  run,
  scope,
  stoppedAsError,
  stoppedAsOptional,
  suspendForever,
  type Task,
  uponStopped,
  waitAll,
  waitAny,
} from '../../lib/task/index.ts';
import { bench, stopped } from './support/bench.ts';

const stops: Task<never> = async () => justStopped('by itself');
const fails: Task<never> = () => Promise.reject(new Error('no'));

describe('justStopped', () => {
  const on = bench();

  it('S4-35: stops though nobody asked for it, and no token is cancelled by it', async () => {
    let seen: CancellationToken | undefined;
    const task: Task<never> = (token) => {
      seen = token;
      return justStopped('enough');
    };
    expect(await run(task, { token: on.root.token })).toMatchObject({
      kind: 'stopped',
      error: { reason: 'CANCELLED', description: 'enough', message: expect.stringContaining('enough') },
    });
    expect([seen?.cancelled, on.root.token.cancelled]).toEqual([false, false]);
  });
});

describe('stoppedAsOptional', () => {
  const on = bench();
  const optional = <T>(task: Task<T>) => run(stoppedAsOptional(task), { token: on.root.token });

  it('S4-38: turns a stop into nothing and a value into some; errors pass', async () => {
    expect(await optional(stops)).toEqual({ kind: 'value', value: undefined });
    expect(await optional(() => 1)).toEqual({ kind: 'value', value: { value: 1 } });
    expect(await optional(async () => undefined)).toEqual({ kind: 'value', value: { value: undefined } });
    expect(await optional(fails)).toEqual({ kind: 'error', error: new Error('no') });
  });

  it('S4-39: contains the stops below it only: the chain above goes on', async () => {
    const log: string[] = [];
    const outcome = await run(async (token) => {
      await stoppedAsOptional(stops)(token);
      log.push('went on');
      return 7;
    });
    expect([outcome, log]).toEqual([{ kind: 'value', value: 7 }, ['went on']]);
  });

  it('S4-38: contains what waitAll and waitAny report as a stop', async () => {
    const group =
      (wait: typeof waitAll | typeof waitAny): Task<unknown> =>
      async (token) => {
        const outcome = await wait([stops, suspendForever], { token });
        if (outcome.kind === 'stopped') throw outcome.error;
      };
    expect(await optional(group(waitAll))).toEqual({ kind: 'value', value: undefined });
    expect(await optional(group(waitAny))).toEqual({ kind: 'value', value: undefined });
  });

  it('S4-40, E17: when the outer token is stopped, that stop goes through, even past a value', async () => {
    const task: Task<number> = () => {
      on.root.cancel('SHUTDOWN');
      return 7;
    };
    expect(await optional(task)).toEqual(stopped(on.root));
  });

  it('E17: what went wrong after the outer stop goes with it', async () => {
    const untidy: Task<unknown> = (token) =>
      scope(
        ({ defer, token: own }) => {
          defer(() => Promise.reject(new Error('clean-up')));
          return suspendForever(own);
        },
        { token },
      );
    const running = optional(untidy);
    on.root.cancel();
    expect(await running).toEqual({ ...stopped(on.root), suppressed: [new Error('clean-up')] });
  });

  it('E17: containOuter contains that too', async () => {
    const contained = (task: Task<unknown>) => stoppedAsOptional(task, { containOuter: true })(on.root.token);
    const running = contained(suspendForever);
    on.root.cancel();
    expect(await running).toBe(undefined);
    expect(await contained(() => expect.unreachable())).toBe(undefined);
    expect(await stoppedAsOptional(() => 7, { containOuter: true })(CancellationToken.none)).toEqual({ value: 7 });
  });

  it('E18: under a cancelled token it starts nothing', async () => {
    on.root.cancel();
    await expect(stoppedAsOptional(() => expect.unreachable())(on.root.token)).rejects.toBe(on.root.token.error);
  });
});

describe('stoppedAsError', () => {
  const on = bench();

  it('turns a stop into the error that is made of it; values and errors pass', async () => {
    const typed = (task: Task<unknown>) =>
      run(
        stoppedAsError(task, (stop) => new RangeError('stopped', { cause: stop })),
        { token: on.root.token },
      );
    expect(await typed(stops)).toMatchObject({
      kind: 'error',
      error: { message: 'stopped', cause: { reason: 'CANCELLED' } },
    });
    expect(await typed(() => 1)).toEqual({ kind: 'value', value: 1 });
    expect(await typed(fails)).toEqual({ kind: 'error', error: new Error('no') });
  });

  it('E17: a stop that the token asked for stays a stop, unless containOuter says otherwise', async () => {
    const task = (containOuter: boolean) =>
      stoppedAsError(suspendForever, () => new Error('stopped'), { containOuter })(on.root.token);
    const [plain, contained] = [task(false), task(true)];
    on.root.cancel();
    await expect(plain).rejects.toBe(on.root.token.error);
    await expect(contained).rejects.toThrow('stopped');
  });
});

describe('uponStopped', () => {
  const on = bench();

  it('goes on with other work, under the same token, and ends as that ends', async () => {
    const upon = (then: Task<unknown>) =>
      run(
        uponStopped(stops, (stop, token) => {
          expect(stop).toBeInstanceOf(CancellationError);
          return then(token);
        }),
      );
    expect(await upon(() => 'instead')).toEqual({ kind: 'value', value: 'instead' });
    expect(await upon(fails)).toEqual({ kind: 'error', error: new Error('no') });
    expect((await upon(stops)).kind).toBe('stopped');
  });

  it('is not called for a value or an error', async () => {
    const never = () => expect.unreachable();
    expect(await run(uponStopped(() => 1, never))).toEqual({ kind: 'value', value: 1 });
    expect(await run(uponStopped(fails, never))).toEqual({ kind: 'error', error: new Error('no') });
  });

  it('E17: nor for a stop that the token asked for, unless containOuter says otherwise', async () => {
    const plain = uponStopped(suspendForever, () => expect.unreachable())(on.root.token);
    const contained = uponStopped(suspendForever, () => 7, { containOuter: true })(on.root.token);
    on.root.cancel();
    await expect(plain).rejects.toBe(on.root.token.error);
    expect(await contained).toBe(7);
  });
});

describe('bad input to what wraps a task', () => {
  it('is refused when it is wrapped', () => {
    expect(() => stoppedAsOptional(1 as never)).toThrow('`task`');
    expect(() => stoppedAsError(() => 1, undefined as never)).toThrow('`makeError`');
    expect(() => uponStopped(() => 1, undefined as never)).toThrow('`then`');
    expect(() => uponStopped(undefined as never, () => 1)).toThrow('`task`');
  });
});
