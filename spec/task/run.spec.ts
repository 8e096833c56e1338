import { describe, expect, it } from 'vitest';
import {
  CancelCell,
  CancellationSource,
  CancellationToken,
  clock as coreClock,
  setCurrentToken,
} from '../../lib/core/index.ts';
import { AbandonedError, justStopped, run, sleep, suspendForever, unwrap } from '../../lib/task/index.ts';
import { bench, stopped, tidy, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('run', () => {
  const on = bench();

  it('S4-50: a task is lazy: nothing runs before somebody starts it, and each start runs it anew', async () => {
    let runs = 0;
    const task = () => ++runs;
    expect(runs).toBe(0);
    expect([await run(task), await run(task)].map(unwrap)).toEqual([1, 2]);
  });

  it('S4-13, S4-51: a child is started by its parent, with its token bound, before run returns', async () => {
    let seen: CancellationToken | undefined;
    const running = run(
      (token) => {
        seen = token;
      },
      { token: on.root.token },
    );
    expect(seen?.canBeCancelled).toBe(true);
    expect(seen).not.toBe(on.root.token);
    expect(await running).toEqual({ kind: 'value', value: undefined });
  });

  it('S4-12: completes once, as one of three kinds, and a second settling is not heard', async () => {
    const outcomes: unknown[] = [];
    const thenable = {
      then(resolve: (value: number) => void, reject: (error: unknown) => void) {
        resolve(1);
        reject(new Error('too late'));
        resolve(2);
      },
    };
    await run(() => thenable as Promise<number>).then((outcome) => outcomes.push(outcome));
    expect(outcomes).toEqual([{ kind: 'value', value: 1 }]);
  });

  it('S4-14: owns a source, and can stop the chain it started', async () => {
    const log: string[] = [];
    const running = run(tidy(log, 'leaf'), { token: on.root.token });
    expect(running.cancel('SHUTDOWN', { description: 'enough' })).toBe(true);
    expect(running.cancel()).toBe(false);
    expect(await running).toMatchObject({ kind: 'stopped', error: { reason: 'SHUTDOWN', description: 'enough' } });
    expect(on.root.token.cancelled).toBe(false);
    expect(log).toEqual(['leaf starts', 'leaf ends']);
  });

  it('S4-10, S4-11: there is a gap between the request and the stop, as long as the leaf needs', async () => {
    const cleanup = gate();
    const running = run(
      async (token) => {
        try {
          await suspendForever(token);
        } finally {
          await cleanup.opened;
        }
      },
      { token: on.root.token },
    );
    const state = watch(running);
    on.root.cancel();
    await on.rest();
    expect([on.root.token.cancelled, state.done]).toEqual([true, false]);
    cleanup.open();
    expect(await running).toEqual(stopped(on.root));
  });

  it('S4-20, E28: ends when the task has ended, not when the stop was asked for', async () => {
    const log: string[] = [];
    const running = run(tidy(log, 'task', 3), { token: on.root.token }).then(() => log.push('run ends'));
    on.root.cancel();
    log.push('cancel returned');
    await running;
    expect(log).toEqual(['task starts', 'cancel returned', 'task ends', 'run ends']);
  });

  it('S4-17, S4-18: a stop unwinds from the leaf up, each clean-up done before that of its parent begins', async () => {
    const log: string[] = [];
    const level = async (depth: number, token: CancellationToken): Promise<void> => {
      try {
        if (depth === 3) await suspendForever(token);
        else unwrap(await run((inner) => level(depth + 1, inner), { token }));
      } finally {
        log.push(`${depth} begins`);
        await undefined;
        log.push(`${depth} has cleaned up`);
      }
    };
    const running = run((token) => level(1, token), { token: on.root.token });
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
    expect(log).toEqual([3, 2, 1].flatMap((depth) => [`${depth} begins`, `${depth} has cleaned up`]));
  });

  it('S4-15, S4-16, S4-41: only the leaf hears of the request; the levels above hear of its completion', async () => {
    const heard: string[] = [];
    const middle = (token: CancellationToken) => run((inner) => suspendForever(inner), { token }).then(unwrap);
    const running = run(
      (token) => {
        const waiting = middle(token);
        return waiting.catch((error) => {
          heard.push('completion');
          throw error;
        });
      },
      { token: on.root.token },
    );
    on.root.token.onCancel(() => heard.push('request'));
    on.root.cancel();
    await running;
    expect(heard).toEqual(['request', 'completion']);
  });

  it('S4-19: is a stop when stopped before it had a result, and the error or the value otherwise', async () => {
    const error = new Error('no');
    const outcomes = [
      await run(() => 1, { token: on.root.token }),
      await run(() => Promise.reject(error), { token: on.root.token }),
      await run(() => justStopped('enough'), { token: on.root.token }),
    ];
    expect(outcomes).toEqual([
      { kind: 'value', value: 1 },
      { kind: 'error', error },
      { kind: 'stopped', error: expect.objectContaining({ description: 'enough' }) },
    ]);
    expect(on.root.token.cancelled).toBe(false);
  });

  it('S4-36: a stop goes up through every link, to the outermost run', async () => {
    const chain =
      (depth: number) =>
      async (token: CancellationToken): Promise<never> =>
        depth === 0 ? justStopped('leaf') : unwrap(await run(chain(depth - 1), { token }));
    expect(await run(chain(20))).toMatchObject({ kind: 'stopped', error: { description: 'leaf' } });
  });

  it('a task that throws at once is an error outcome, and so is one whose result cannot be awaited', async () => {
    const error = new Error('at once');
    const rude = {
      get then() {
        throw error;
      },
    };
    const rudeThen = {
      then() {
        throw error;
      },
    };
    const throws = () => {
      throw error;
    };
    for (const task of [throws, () => rude, () => rudeThen]) {
      expect(await run(task as () => never)).toEqual({ kind: 'error', error });
    }
  });

  it('E18, E14: under a cancelled token nothing is started', async () => {
    on.root.cancel('SHUTDOWN');
    let started = false;
    const running = run(
      () => {
        started = true;
      },
      { token: on.root.token },
    );
    expect(running.cancel()).toBe(false);
    expect(await running).toEqual(stopped(on.root));
    expect(started).toBe(false);
  });

  it.each([{ timeout: 0 }, { timeout: -1 }, { deadline: 0 }])('E18: with %o nothing is started', async (options) => {
    let started = false;
    const outcome = await run(() => {
      started = true;
    }, options);
    expect([started, outcome]).toEqual([
      false,
      { kind: 'stopped', error: expect.objectContaining({ reason: 'TIMEOUT' }) },
    ]);
  });

  it('E15, S2-17: a value that arrives after the cancel is a value, unless a prompt stop was asked for', async () => {
    const deaf = gate<number>();
    const plain = run(() => deaf.opened, { token: on.root.token });
    const prompt = run(() => deaf.opened, { token: on.root.token, prompt: true });
    on.root.cancel();
    deaf.open(7);
    expect(await plain).toEqual({ kind: 'value', value: 7 });
    expect(await prompt).toEqual(stopped(on.root));
  });

  it('S2-16: cancel says who made the request, not whether anything stopped', async () => {
    const running = run(() => 7, { token: on.root.token });
    expect([running.cancel(), running.cancel(), unwrap(await running)]).toEqual([true, false, 7]);
  });

  it('S1-18: what was done before the cancel stays done: nothing is rolled back', async () => {
    const rows: string[] = [];
    const running = run(
      async (token) => {
        rows.push('inserted');
        await suspendForever(token);
        rows.push('committed');
      },
      { token: on.root.token },
    );
    on.root.cancel();
    expect([await running, rows]).toEqual([stopped(on.root), ['inserted']]);
  });

  it('S1-16: cancelling after the end does nothing', async () => {
    const running = run(() => 1, { token: on.root.token });
    await running;
    expect(running.cancel()).toBe(false);
    expect(await running).toEqual({ kind: 'value', value: 1 });
  });

  it('its token ends with it: what still holds the token later cannot be cancelled any more', async () => {
    let kept!: CancellationToken;
    await run(
      (token) => {
        kept = token;
      },
      { token: on.root.token },
    );
    on.root.cancel();
    expect([kept.cancelled, kept.canBeCancelled]).toEqual([false, false]);
  });

  it('a timeout and a deadline stop the task by its token, the earlier one first', async () => {
    const timed = run((token) => suspendForever(token), { timeout: 20, deadline: coreClock.now() + 10 });
    const state = watch(timed);
    await on.clock.advanceAsync(9);
    expect(state.done).toBe(false);
    await on.clock.advanceAsync(1);
    expect(await timed).toMatchObject({ kind: 'stopped', error: { reason: 'TIMEOUT' } });
  });

  it('takes an AbortSignal for a token', async () => {
    const controller = new AbortController();
    const running = run((token) => suspendForever(token), { token: controller.signal });
    controller.abort(new Error('theirs'));
    expect(await running).toMatchObject({ kind: 'stopped', error: { cause: { message: 'theirs' } } });
  });

  it('without a token it runs under the current one', async () => {
    const putBack = setCurrentToken(() => on.root.token);
    const running = run((token) => suspendForever(token));
    const severed = run((token) => sleep(10, token), { token: CancellationToken.none });
    putBack();
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
    await on.clock.advanceAsync(10);
    expect((await severed).kind).toBe('value');
  });

  it('E13: a task of an epoch that was cancelled stays cancelled when the cell opens the next one', async () => {
    const cell = new CancelCell();
    const running = run((token) => suspendForever(token), { token: cell.handle() });
    cell.flip('PEER_CLOSED');
    cell.reset();
    expect(await running).toMatchObject({ kind: 'stopped', error: { reason: 'PEER_CLOSED' } });
    expect((await run(() => 1, { token: cell.handle() })).kind).toBe('value');
  });
});

describe('the grace of run', () => {
  const on = bench();

  it('leaves a task running that ignores its token, and tells how it ended after all', async () => {
    const deaf = gate<string>();
    const running = run(() => deaf.opened, { token: on.root.token, graceMs: 100 });
    const state = watch(running);
    on.root.cancel();
    await on.clock.advanceAsync(99);
    expect(state.done).toBe(false);
    await on.clock.advanceAsync(1);
    const outcome = await running;
    expect(outcome).toMatchObject({ ...stopped(on.root), suppressed: [expect.any(AbandonedError)] });
    const [abandoned] = outcome.suppressed as [AbandonedError];
    expect(abandoned.message).toContain('100 ms');
    deaf.fail(new Error('late'));
    expect(await abandoned.ended).toEqual({ kind: 'error', error: new Error('late') });
  });

  it('of 0 is one turn of the event loop: enough for a task that heeds its token', async () => {
    const log: string[] = [];
    const running = run(tidy(log, 'task', 20), { token: on.root.token, graceMs: 0 });
    on.root.cancel();
    await on.clock.advanceAsync(0);
    expect(await running).toEqual(stopped(on.root));
    expect(log).toEqual(['task starts', 'task ends']);
  });

  it('costs nothing when the task ends in time, and no timer is left', async () => {
    const outcome = await run(() => 1, { token: on.root.token, graceMs: 100 });
    expect([outcome, on.clock.pending]).toEqual([{ kind: 'value', value: 1 }, 0]);
  });
});

describe('a handler under a token', () => {
  const on = bench();

  it('S0-11, S0-25: that polls between its steps returns early, and what it had computed is dropped', async () => {
    const steps: string[] = [];
    const step = gate();
    const handler = async (token: CancellationToken) => {
      for (const name of ['one', 'two', 'three']) {
        token.throwIfCancelled();
        steps.push(name);
        if (name === 'one') await step.opened;
      }
      return 'assembled';
    };
    const running = run(handler, { token: on.root.token });
    on.root.cancel();
    step.open();
    expect(await running).toEqual(stopped(on.root));
    expect(steps).toEqual(['one']);
  });

  it('S1-10: is not interrupted: one that never checks runs to its end', async () => {
    const steps: number[] = [];
    const running = run(
      async () => {
        for (let i = 0; i < 5; i++) {
          await undefined;
          steps.push(i);
        }
      },
      { token: on.root.token },
    );
    on.root.cancel();
    expect((await running).kind).toBe('value');
    expect(steps).toHaveLength(5);
  });

  it('S1-11, S1-17: may poll while it is busy, and be called back; both see the same request', async () => {
    const seen: unknown[] = [];
    await run(
      (token) => {
        token.onCancel((error) => seen.push(error));
        seen.push(token.cancelled);
        on.root.cancel();
        seen.push(token.cancelled);
      },
      { token: on.root.token },
    );
    expect(seen).toEqual([false, on.root.token.error, true]);
  });

  it('S1-12: the calls it makes with its token are cancelled with it', async () => {
    const upstream = new CancellationSource();
    const call = (token: CancellationToken) => {
      token.onCancel(() => upstream.cancel('PEER_CLOSED'));
      return suspendForever(token);
    };
    const running = run((token) => Promise.all([call(token), call(token)]), { token: on.root.token });
    on.root.cancel();
    await running;
    expect(upstream.token.reason).toBe('PEER_CLOSED');
  });

  it('S1-14: checks, works, checks; once cancelled, it cancels what it called and then exits', async () => {
    const log: string[] = [];
    const call = run(tidy(log, 'call'));
    const running = run(
      async (token) => {
        for (let i = 0; i < 2; i++) {
          log.push(`check ${i}`);
          if (token.cancelled) {
            call.cancel();
            await call;
            log.push('exit');
            token.throwIfCancelled();
          }
          await undefined;
        }
      },
      { token: on.root.token },
    );
    on.root.cancel();
    await running;
    expect(log).toEqual(['call starts', 'check 0', 'check 1', 'call ends', 'exit']);
  });

  it.each(['value', 'error'])(
    'S1-15: that was left running may end late with a %s, and nothing comes of it',
    async (kind) => {
      const late = gate<string>();
      const outcome = run(() => late.opened, { token: on.root.token, graceMs: 0 });
      on.root.cancel();
      await on.clock.advanceAsync(0);
      if (kind === 'value') late.open('late');
      else late.fail(new Error('late'));
      await on.rest();
      expect(await outcome).toMatchObject(stopped(on.root));
    },
  );

  it('S2-12: work scheduled after the cancel sees it at its first check', async () => {
    const seen: boolean[] = [];
    const running = run(
      async (token) => {
        on.root.cancel();
        await undefined;
        seen.push(token.cancelled, (await run(() => 1, { token })).kind === 'stopped');
        await sleep(1, token);
      },
      { token: on.root.token },
    );
    expect(await running).toEqual(stopped(on.root));
    expect(seen).toEqual([true, true]);
  });
});

describe('bad input to run', () => {
  it.each([
    ['no task', [undefined], TypeError],
    ['a promise for a task', [Promise.resolve()], TypeError],
    ['options that are none', [() => 1, 5], TypeError],
    ['a token that is none', [() => 1, { token: {} }], TypeError],
    ['a timeout in words', [() => 1, { timeout: '5' }], TypeError],
    ['a timeout that is no number', [() => 1, { timeout: Number.NaN }], RangeError],
    ['a negative grace', [() => 1, { graceMs: -1 }], RangeError],
    ['a grace that is no number', [() => 1, { graceMs: Number.NaN }], RangeError],
    ['a name that is none', [() => 1, { name: 5 }], TypeError],
    ['a judge that is none', [() => 1, { isStop: true }], TypeError],
  ])('%s is refused at the call', (_, args, kind) => {
    let started = false;
    const [task, options] = args as [() => void, object];
    const spied =
      typeof task === 'function'
        ? () => {
            started = true;
          }
        : task;
    expect(() => run(spied, options)).toThrow(kind);
    expect(() => run(spied, options)).toThrow(/^Expected `\w+` to be .+, got .+\.$/);
    expect(started).toBe(false);
  });
});
