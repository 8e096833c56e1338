import { describe, expect, it } from 'vitest';
import { type CancellationToken, snapshot } from '../../lib/core/index.ts';
import {
  justStopped,
  run,
  type Scope,
  type Spawned,
  scope,
  sleep,
  suspendForever,
  unwrap,
} from '../../lib/task/index.ts';
import { bench, stopped, tidy, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

const failure = <T>(promise: Promise<T>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable(),
    (error) => error,
  );

describe('S4-48: scope', () => {
  const on = bench();

  it('yields what its body yields', async () => {
    expect(await scope(() => 1)).toBe(1);
    expect(await scope(async () => 'text', { token: on.root.token })).toBe('text');
  });

  it('ends when the last of its tasks has ended, those too that tasks have spawned', async () => {
    const log: string[] = [];
    const running = scope(async ({ spawn }) => {
      spawn(async (token) => {
        await sleep(1, token);
        spawn((inner) => sleep(1, inner).then(() => log.push('grandchild')));
        log.push('child');
      });
      log.push('body');
    });
    const state = watch(running);
    await on.clock.advanceAsync(1);
    expect([log, state.done]).toEqual([['body', 'child'], false]);
    await on.clock.advanceAsync(1);
    await running;
    expect(log).toEqual(['body', 'child', 'grandchild']);
  });

  it('S4-13: starts a task in the call to spawn, and hands out its outcome', async () => {
    await scope(async ({ spawn }) => {
      const log: string[] = [];
      const running = spawn(() => {
        log.push('started');
        return 7;
      });
      log.push('spawned');
      expect([await running.ended, log]).toEqual([{ kind: 'value', value: 7 }, ['started', 'spawned']]);
    });
  });

  it('a task that fails stops the others and the body, and is what the scope rejects with', async () => {
    const log: string[] = [];
    const error = new Error('no');
    const running = scope(async ({ spawn, token }) => {
      spawn(tidy(log, 'sibling', 3));
      spawn(() => Promise.reject(error));
      await suspendForever(token);
    });
    expect(await failure(running)).toBe(error);
    expect(log).toEqual(['sibling starts', 'sibling ends']);
  });

  it('a body that fails, even at once, stops its tasks, and the scope waits for them', async () => {
    const log: string[] = [];
    const error = new Error('no');
    const running = scope(({ spawn }) => {
      spawn(tidy(log, 'task', 3));
      throw error;
    });
    expect(await failure(running)).toBe(error);
    expect(log).toEqual(['task starts', 'task ends']);
  });

  it('a task or a body that stops by itself stops the scope', async () => {
    for (const body of [
      async ({ token, spawn }: Scope) => {
        spawn(async () => justStopped('enough'));
        await suspendForever(token);
      },
      async () => justStopped('enough'),
    ]) {
      expect(await run((token) => scope(body, { token }))).toMatchObject({
        kind: 'stopped',
        error: { description: 'enough' },
      });
    }
  });

  it("the parent's stop is a stop, and beats an error that was there before, which is kept", async () => {
    const straggler = gate();
    const early = new Error('early');
    const running = scope(
      async ({ spawn }) => {
        spawn(() => straggler.opened);
        throw early;
      },
      { token: on.root.token },
    );
    await on.rest();
    on.root.cancel('SHUTDOWN', { description: 'drain' });
    straggler.open();
    expect(await failure(running)).toMatchObject({
      reason: 'SHUTDOWN',
      description: 'drain',
      cause: { errors: [early], cause: on.root.token.error },
    });
  });

  it('a cancel from inside is a normal end: its tasks stop, and its body yields what it yields', async () => {
    const log: string[] = [];
    const value = await scope(async ({ spawn, cancel }) => {
      spawn(tidy(log, 'task'));
      spawn(() => cancel('SHUTDOWN'));
      expect(cancel()).toBe(false);
      return 7;
    });
    expect([value, log]).toEqual([7, ['task starts', 'task ends']]);
    expect(
      await scope(({ spawn, token, cancel }) => {
        spawn(() => cancel());
        return suspendForever(token);
      }),
    ).toBe(undefined);
  });

  it('after a cancel from inside an error is an error all the same', async () => {
    const running = scope(async ({ spawn, cancel }) => {
      spawn((token) =>
        suspendForever(token).catch(() => {
          throw new Error('clean-up');
        }),
      );
      cancel();
    });
    expect(await failure(running)).toEqual(new Error('clean-up'));
  });

  it('what a task does wrong after a cancel from inside, or after its own, is an error of the scope', async () => {
    const untidy = (token: CancellationToken) =>
      scope(
        ({ defer, token: own }) => {
          defer(() => Promise.reject(new Error('clean-up')));
          return suspendForever(own);
        },
        { token },
      );
    for (const stop of [
      ({ cancel }: Scope, _: Spawned<unknown>) => cancel(),
      (_: Scope, task: Spawned<unknown>) => task.cancel(),
    ]) {
      const running = scope(async (inside) => {
        stop(inside, inside.spawn(untidy));
      });
      expect(await failure(running)).toEqual(new Error('clean-up'));
    }
  });

  it('a task that its spawner cancels ends alone, and the scope goes on', async () => {
    const value = await scope(async ({ spawn, token }) => {
      const task = spawn(suspendForever);
      expect(task.cancel()).toBe(true);
      expect((await task.ended).kind).toBe('stopped');
      return token.cancelled;
    });
    expect(value).toBe(false);
  });

  it('all errors are kept, in the order in which they came', async () => {
    const late = (name: string) => async (token: CancellationToken) => {
      await suspendForever(token).catch(() => undefined);
      throw new Error(name);
    };
    const running = scope(async ({ spawn }) => {
      spawn(late('two'));
      spawn(late('three'));
      throw new Error('one');
    });
    const error = (await failure(running)) as AggregateError;
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors.map((each) => each.message)).toEqual(['one', 'two', 'three']);
    expect(error.cause).toBe(error.errors[0]);
  });

  it('S2-13: what is spawned in the window of a cancel is signalled: from a callback, a task, a microtask', async () => {
    const outcomes: unknown[] = [];
    await scope(async ({ spawn, cancel, token }) => {
      const launch = () => void spawn(suspendForever).ended.then(({ kind }) => outcomes.push(kind));
      token.onCancel(launch);
      spawn((inner) => suspendForever(inner).finally(launch));
      void Promise.resolve().then(launch);
      cancel();
    });
    expect(outcomes).toEqual(['stopped', 'stopped', 'stopped']);
  });

  it('E18: under a cancelled token the body is not started; in a cancelled scope a task is not', async () => {
    let started = 0;
    await scope(async ({ spawn, cancel }) => {
      cancel();
      const outcome = await spawn(() => ++started).ended;
      expect(outcome.kind).toBe('stopped');
    });
    on.root.cancel();
    expect(await failure(scope(() => ++started, { token: on.root.token }))).toBe(on.root.token.error);
    expect(started).toBe(0);
  });

  it('spawning into a scope that has ended is an error, and so is deferring', async () => {
    let kept!: Scope;
    await scope((inside) => {
      kept = inside;
    });
    expect(() => kept.spawn(() => 1)).toThrow('all its tasks have ended');
    expect(() => kept.defer(() => 1)).toThrow('its clean-up is done');
    expect(kept.cancel()).toBe(false);
  });

  it('a task that ignores its token is left running after the grace, and that is an error of the scope', async () => {
    const deaf = gate();
    const running = failure(
      scope(
        async ({ spawn, cancel }) => {
          spawn(() => deaf.opened);
          cancel();
        },
        { graceMs: 10 },
      ),
    );
    await on.clock.advanceAsync(10);
    expect(await running).toMatchObject({ name: 'AbandonedError', message: expect.stringContaining('Task 1') });
    deaf.open();
  });

  it('a timeout of its own is a stop', async () => {
    const running = failure(scope(({ token }) => suspendForever(token), { timeout: 10, name: 'limited' }));
    await on.clock.advanceAsync(10);
    expect(await running).toMatchObject({ name: 'TimeoutError', reason: 'TIMEOUT' });
  });

  it('S2-14: a loop that must not be cancelled goes on while the work that it schedules is cancelled', async () => {
    const done: string[] = [];
    await scope(async ({ spawn }) => {
      for (const name of ['a', 'b', 'c']) {
        const item = spawn((token) => sleep(10, token).then(() => done.push(name)));
        if (name === 'b') item.cancel();
      }
      await on.clock.advanceAsync(10);
    });
    expect(done).toEqual(['a', 'c']);
  });

  it('has nothing left on the parent when the parent goes on, and keeps nothing of tasks that have ended', async () => {
    const children = await scope(
      async ({ spawn, token }) => {
        for (let i = 0; i < 1000; i++) spawn((inner) => suspendForever(inner).catch(() => i)).cancel();
        await on.rest();
        return snapshot(token).children.length;
      },
      { token: on.root.token },
    );
    expect([children, snapshot(on.root.token).children.length]).toEqual([0, 0]);
  });

  it('a hundred thousand tasks that end at once need no stack', async () => {
    let sum = 0;
    await scope(({ spawn }) => {
      for (let i = 0; i < 1e5; i++) spawn(() => ++sum);
    });
    expect(sum).toBe(1e5);
  });

  it.each([
    ['no body', [undefined], TypeError],
    ['a negative limit for clean-up', [() => 1, { cleanupMs: -1 }], RangeError],
    ['a token that is none', [() => 1, { token: 1 }], TypeError],
  ])('%s is refused at the call', (_, args, kind) => {
    expect(() => scope(...(args as unknown as [() => void]))).toThrow(kind);
  });

  it('refuses a task and a clean-up that are none, at the call', async () => {
    await scope(({ spawn, defer }) => {
      expect(() => spawn(undefined as never)).toThrow('`task`');
      expect(() => defer(1 as never)).toThrow('`cleanup`');
    });
  });
});

describe('the clean-up of a scope', () => {
  const on = bench();

  it('runs after all tasks have ended, the newest first, each to its end before the next', async () => {
    const log: string[] = [];
    const cleanup = (name: string) => async () => {
      log.push(`${name} begins`);
      await undefined;
      log.push(`${name} ends`);
    };
    await scope(async ({ spawn, defer, cancel }) => {
      defer(cleanup('first'));
      spawn(tidy(log, 'task', 2));
      defer(cleanup('second'));
      cancel();
    });
    expect(log).toEqual([
      'task starts',
      'task ends',
      ...['second', 'first'].flatMap((name) => [`${name} begins`, `${name} ends`]),
    ]);
  });

  it('E14: is not cut by the stop that caused it, which is delivered when it has ended', async () => {
    const log: string[] = [];
    const running = scope(
      async ({ defer, token }) => {
        defer(async (inner) => {
          await sleep(10, inner);
          log.push('cleaned up');
        });
        await suspendForever(token);
      },
      { token: on.root.token },
    );
    const caught = failure(running);
    on.root.cancel();
    await on.clock.advanceAsync(10);
    expect(await caught).toBe(on.root.token.error);
    expect(log).toEqual(['cleaned up']);
  });

  it('has a limit of its own: one that hangs is left behind, the others run, and it is an error', async () => {
    const log: string[] = [];
    const running = failure(
      scope(
        ({ defer }) => {
          defer(() => log.push('the other one'));
          defer(() => new Promise(() => undefined));
        },
        { cleanupMs: 100 },
      ),
    );
    await on.clock.advanceAsync(100);
    expect(await running).toMatchObject({ message: expect.stringContaining('clean-up'), cause: { reason: 'TIMEOUT' } });
    expect(log).toEqual(['the other one']);
  });

  it('that fails keeps none from running, and all errors are kept', async () => {
    const log: string[] = [];
    const running = scope(({ defer }) => {
      defer(() => log.push('last'));
      defer(() => Promise.reject(new Error('two')));
      defer(() => {
        throw new Error('one');
      });
    });
    const error = (await failure(running)) as AggregateError;
    expect([log, error.errors]).toEqual([['last'], [new Error('one'), new Error('two')]]);
  });

  it('may register further clean-up, which runs next', async () => {
    const log: string[] = [];
    await scope(({ defer }) => {
      defer(() => log.push('outer'));
      defer(() => defer(() => log.push('inner')));
    });
    expect(log).toEqual(['inner', 'outer']);
  });

  it('may not start tasks any more', async () => {
    const error = await failure(scope(({ defer, spawn }) => defer(() => spawn(() => 1))));
    expect((error as Error).message).toContain('all its tasks have ended');
  });

  it('of an inner scope is done before that of the outer one begins', async () => {
    const log: string[] = [];
    const running = run(
      (token) =>
        scope(
          ({ defer, token: outer }) => {
            defer(() => log.push('outer'));
            return scope(
              ({ defer: inner, token: innermost }) => {
                inner(() => log.push('inner'));
                return suspendForever(innermost);
              },
              { token: outer },
            );
          },
          { token },
        ),
      { token: on.root.token },
    );
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
    expect(log).toEqual(['inner', 'outer']);
    expect(() => unwrap(stopped(on.root))).toThrow();
  });
});
