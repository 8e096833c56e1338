import { describe, expect, it } from 'vitest';
import { coroutine, justStopped, type Routine, run, suspendForever, type Task, waitOn } from '../../lib/task/index.ts';
import { bench, stopped } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('a coroutine', () => {
  const on = bench();

  it('goes on with what it waited for, and yields what it returns', async () => {
    const outcome = await run(
      coroutine(function* () {
        const one: number = yield* waitOn(Promise.resolve(1));
        const two = (yield Promise.resolve(2)) as number;
        const three = yield* waitOn(3);
        return one + two + three;
      }),
    );
    expect(outcome).toEqual({ kind: 'value', value: 6 });
  });

  it('S4-21, E29: a stop does not resume its body: no catch block runs, only finally', async () => {
    const log: string[] = [];
    const running = run(
      coroutine(function* (token) {
        try {
          yield suspendForever(token);
          log.push('resumed');
        } catch {
          log.push('caught');
        } finally {
          log.push('cleaned up');
        }
      }),
      { token: on.root.token },
    );
    on.root.cancel();
    expect([await running, log]).toEqual([stopped(on.root), ['cleaned up']]);
  });

  it('E29: in an async function a stop is an exception, which a catch block may swallow: then there is a value', async () => {
    const running = run((token) => suspendForever(token).catch(() => 7), { token: on.root.token });
    on.root.cancel();
    expect(await running).toEqual({ kind: 'value', value: 7 });
  });

  it('S4-22: a chain of them is left as a whole, innermost first, past the catch blocks of all of them', async () => {
    const log: string[] = [];
    const level = (depth: number): Task<unknown> =>
      coroutine(function* (token) {
        try {
          yield depth === 0 ? suspendForever(token) : level(depth - 1)(token);
        } catch {
          log.push(`${depth} caught`);
        } finally {
          yield Promise.resolve();
          log.push(`${depth} left`);
        }
      });
    const running = run(level(2), { token: on.root.token });
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
    expect(log).toEqual(['0 left', '1 left', '2 left']);
  });

  it('S4-22: so are the generators that it delegates to, when they do not wait for their clean-up', async () => {
    const log: string[] = [];
    function* level(depth: number, wait: Promise<unknown>): Routine<void> {
      try {
        if (depth === 0) yield wait;
        else yield* level(depth - 1, wait);
      } catch {
        log.push(`${depth} caught`);
      } finally {
        log.push(`${depth} left`);
      }
    }
    const running = run(
      coroutine((token) => level(2, suspendForever(token))),
      { token: on.root.token },
    );
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
    expect(log).toEqual(['0 left', '1 left', '2 left']);
  });

  it('its finally may wait, and is waited for', async () => {
    const cleanup = gate();
    const log: string[] = [];
    const running = run(
      coroutine(function* (token) {
        try {
          yield suspendForever(token);
        } finally {
          yield cleanup.opened;
          log.push('cleaned up');
        }
      }),
      { token: on.root.token },
    ).then(() => log.push('ended'));
    on.root.cancel();
    await on.rest();
    expect(log).toEqual([]);
    cleanup.open();
    await running;
    expect(log).toEqual(['cleaned up', 'ended']);
  });

  it('is left too when what it waits for stops by itself', async () => {
    const log: string[] = [];
    const outcome = await run(
      coroutine(function* () {
        try {
          yield Promise.resolve().then(() => justStopped('enough'));
        } finally {
          log.push('left');
        }
      }),
    );
    expect(outcome).toMatchObject({ kind: 'stopped', error: { description: 'enough' } });
    expect(log).toEqual(['left']);
  });

  it('is not left before what it waits for has ended; a value that arrives after the cancel is a value', async () => {
    const deaf = gate<number>();
    const running = run(
      coroutine(function* () {
        return (yield* waitOn(deaf.opened)) + 1;
      }),
      { token: on.root.token },
    );
    on.root.cancel();
    deaf.open(6);
    expect(await running).toEqual({ kind: 'value', value: 7 });
  });

  it('an error is thrown into it, and may be caught', async () => {
    const body = (rescue: boolean) =>
      coroutine(function* () {
        try {
          yield Promise.reject(new Error('no'));
        } catch (error) {
          if (rescue) return 7;
          throw error;
        }
      });
    expect(await run(body(true))).toEqual({ kind: 'value', value: 7 });
    expect(await run(body(false))).toEqual({ kind: 'error', error: new Error('no') });
  });

  it('an error of its clean-up is an error', async () => {
    const body = coroutine(function* () {
      try {
        yield Promise.resolve().then(() => justStopped());
      } finally {
        yield Promise.reject(new Error('clean-up'));
      }
    });
    expect(await run(body)).toEqual({ kind: 'error', error: new Error('clean-up') });
  });

  it('a return of its clean-up swallows the stop: then there is a value', async () => {
    // As a generator whose `finally` returns, which no linter would let pass.
    const routine = {
      next: () => ({ done: false, value: Promise.resolve().then(() => justStopped()) }),
      return: () => ({ done: true, value: 7 }),
    };
    expect(await run(coroutine(() => routine as never))).toEqual({ kind: 'value', value: 7 });
  });

  it('that throws before it waits is an error, and under a cancelled token nothing of it runs', async () => {
    const body = coroutine<void>(() => {
      throw new Error('at once');
    });
    expect(await run(body)).toEqual({ kind: 'error', error: new Error('at once') });
    on.root.cancel();
    await expect(coroutine(() => expect.unreachable())(on.root.token)).rejects.toBe(on.root.token.error);
  });

  it('that waits ten thousand times for what is there already needs no stack', async () => {
    const outcome = await run(
      coroutine(function* () {
        let sum = 0;
        for (let i = 0; i < 1e4; i++) sum += yield* waitOn(1);
        return sum;
      }),
    );
    expect(outcome).toEqual({ kind: 'value', value: 1e4 });
  });

  it('refuses an async generator, none of whose steps is ever done', async () => {
    const next = () => expect.unreachable();
    const task = coroutine(() => Object.assign((async function* () {})(), { next }) as never);
    await expect(task(on.root.token)).rejects.toThrow('Expected `body` to be a sync generator function');
  });

  it('refuses a body that is none', () => {
    expect(() => coroutine(1 as never)).toThrow('`body`');
  });
});
