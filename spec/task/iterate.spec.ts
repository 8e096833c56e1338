import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type CancellationToken, snapshot } from '../../lib/core/index.ts';
import { cancellable, iterate, type Streamed, sleep, suspendForever } from '../../lib/task/index.ts';
import { bench, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

async function* numbers(log: string[] = [], wait?: Promise<unknown>): AsyncGenerator<number> {
  try {
    for (let i = 1; i <= 3; i++) yield i;
    await wait;
  } finally {
    log.push('returned');
  }
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe('iterate', () => {
  const on = bench();

  it('goes through an async iterable, a web stream, and what a factory makes', async () => {
    const stream = new ReadableStream<number>({
      start(controller) {
        for (const item of [1, 2, 3]) controller.enqueue(item);
        controller.close();
      },
    });
    for (const source of [
      numbers(),
      stream,
      () => numbers(),
      (_: CancellationToken) => stream.constructor && numbers(),
    ]) {
      expect(await all(iterate(source, on.root.token))).toEqual([1, 2, 3]);
    }
    expect(await all(cancellable(numbers())(on.root.token))).toEqual([1, 2, 3]);
  });

  it('begins nothing before the first step', async () => {
    let begun = false;
    const walk = iterate(() => {
      begun = true;
      return numbers();
    }, on.root.token);
    expect(begun).toBe(false);
    await walk.next();
    expect(begun).toBe(true);
    await walk.return?.();
  });

  it('a step that waits ends at once with the cancel, whatever the source waits for', async () => {
    const log: string[] = [];
    const walk = iterate(numbers(log, new Promise(() => undefined)), on.root.token);
    const reading = all(walk);
    const state = watch(reading);
    await on.rest();
    expect(state.done).toBe(false);
    on.root.cancel();
    await expect(reading).rejects.toBe(on.root.token.error);
    expect([log, await walk.next()]).toEqual([[], { done: true, value: undefined }]);
  });

  it('a step of a web stream that waits ends at once with the cancel, and the stream is cancelled', async () => {
    let cancelled: unknown;
    const stream = new ReadableStream<number>({
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    const reading = all(iterate(stream, on.root.token));
    on.root.cancel();
    await expect(reading).rejects.toBe(on.root.token.error);
    await on.rest();
    expect([cancelled, stream.locked]).toEqual([on.root.token.error, false]);
  });

  it('a step of a stream of Node that waits ends at once with the cancel, and the stream is destroyed', async () => {
    const stream = new PassThrough();
    const closed = once(stream, 'close');
    const reading = all(iterate(stream, on.root.token));
    on.root.cancel();
    await expect(reading).rejects.toBe(on.root.token.error);
    await closed;
    expect(stream.errored).toBe(null);
  });

  it('leaving the loop over a stream of Node destroys it', async () => {
    const stream = new PassThrough();
    stream.write('1');
    for await (const _ of iterate(stream, on.root.token)) break;
    expect(stream.destroyed).toBe(true);
  });

  it('waits for what a factory promises, and ends it when it comes too late', async () => {
    expect(await all(iterate(async () => numbers(), on.root.token))).toEqual([1, 2, 3]);
    const late = gate<PassThrough>();
    const reading = all(iterate(() => late.opened, on.root.token));
    on.root.cancel();
    await expect(reading).rejects.toBe(on.root.token.error);
    const stream = new PassThrough();
    let asked = false;
    stream[Symbol.asyncIterator] = () => {
      const iterator = PassThrough.prototype[Symbol.asyncIterator].call(stream);
      const { next } = iterator;
      iterator.next = () => {
        asked = true;
        return next.call(iterator);
      };
      return iterator;
    };
    late.open(stream);
    await once(stream, 'close');
    expect(asked).toBe(false);
  });

  it('a promise that a factory broke is an error of the first step, and none of the return', async () => {
    const walk = iterate(() => Promise.reject(new Error('no')), on.root.token);
    await expect(walk.next()).rejects.toThrow('no');
    const left = iterate(() => Promise.reject(new Error('no')), on.root.token);
    const step = left.next();
    await left.return?.();
    expect(await step).toEqual({ done: true, value: undefined });
    await expect(iterate(async () => 7 as never, on.root.token).next()).rejects.toThrow('`source`');
  });

  it('opens once for steps that are asked for together', async () => {
    let opened = 0;
    const walk = iterate(async () => {
      opened++;
      return numbers();
    }, on.root.token);
    const steps = await Promise.all([walk.next(), walk.next()]);
    expect([opened, steps.map(({ value }) => value)]).toEqual([1, [1, 2]]);
    await walk.return?.();
  });

  it('leaving the loop cancels: the source returns, and a factory hears of it by its token', async () => {
    const log: string[] = [];
    let inner!: CancellationToken;
    for await (const item of iterate((token) => {
      inner = token;
      return numbers(log);
    }, on.root.token)) {
      if (item === 2) break;
    }
    expect([log, inner.reason, on.root.token.cancelled]).toEqual([['returned'], 'CANCELLED', false]);
  });

  it('a loop that throws is left as well, and its error comes through', async () => {
    const log: string[] = [];
    const reading = (async () => {
      for await (const item of iterate(numbers(log), on.root.token)) throw new Error(`at ${item}`);
    })();
    await expect(reading).rejects.toThrow('at 1');
    expect(log).toEqual(['returned']);
  });

  it('leaving waits for the clean-up of the source, but no longer than the limit', async () => {
    const cleanup = gate();
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false as const, value: 1 }),
        return: () => cleanup.opened.then(() => ({ done: true as const, value: undefined })),
      }),
    };
    const leave = async (returnMs?: number) => {
      for await (const _ of iterate(source, on.root.token, { returnMs })) break;
    };
    const [patient, brief, standard] = [leave(Number.POSITIVE_INFINITY), leave(10), leave()].map(
      (p) => [p, watch(p)] as const,
    );
    await on.clock.advanceAsync(10);
    expect([patient?.[1].done, brief?.[1].done, standard?.[1].done]).toEqual([false, true, false]);
    await on.clock.advanceAsync(990);
    expect([patient?.[1].done, standard?.[1].done]).toEqual([false, true]);
    cleanup.open();
    await patient?.[0];
  });

  it('an error of the clean-up comes through, a stop of it does not', async () => {
    const leave = async (end: (token: CancellationToken) => Promise<never>) => {
      const source = (token: CancellationToken) => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ done: false as const, value: 1 }),
          return: () => end(token),
        }),
      });
      for await (const _ of iterate(source, on.root.token)) break;
    };
    await expect(leave(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await leave(suspendForever);
  });

  it('an error of the source comes through, and ends the walk', async () => {
    const walk = iterate(async function* () {
      yield 1;
      throw new Error('no');
    }, on.root.token);
    await walk.next();
    await expect(walk.next()).rejects.toThrow('no');
    expect(await walk.next()).toEqual({ done: true, value: undefined });
  });

  it('a source that cannot begin, or is none, is an error of the first step', async () => {
    await expect(iterate(() => 7 as never, on.root.token).next()).rejects.toThrow('`source`');
    const locked = new ReadableStream();
    locked.getReader();
    await expect(iterate(locked, on.root.token).next()).rejects.toThrow(TypeError);
    const fails = iterate((): never => {
      throw new Error('at once');
    }, on.root.token);
    await expect(fails.next()).rejects.toThrow('at once');
  });

  it('E14: a cancel between two steps is heard at the next one, and the source returns', async () => {
    const log: string[] = [];
    const walk = iterate(numbers(log), on.root.token);
    await walk.next();
    on.root.cancel();
    await expect(walk.next()).rejects.toBe(on.root.token.error);
    await on.rest();
    expect(log).toEqual(['returned']);
  });

  it('E18: under a cancelled token nothing begins', async () => {
    on.root.cancel();
    await expect(iterate(() => expect.unreachable(), on.root.token).next()).rejects.toBe(on.root.token.error);
  });

  describe.each([
    [
      'under a cancelled token',
      (source: Streamed<unknown>) => {
        on.root.cancel();
        return expect(iterate(source, on.root.token).next()).rejects.toBe(on.root.token.error);
      },
    ],
    ['left before the first step', (source: Streamed<unknown>) => iterate(source, on.root.token).return?.()],
  ])('what is open already, %s', (_, leave) => {
    it('is ended: a web stream is cancelled, and free again', async () => {
      let cancelled: unknown;
      const stream = new ReadableStream({
        cancel: (reason) => {
          cancelled = reason;
        },
      });
      await leave(stream);
      expect([cancelled, stream.locked]).toEqual([expect.objectContaining({ reason: 'CANCELLED' }), false]);
    });

    it('is ended: a stream of Node is destroyed', async () => {
      const stream = new PassThrough();
      const closed = once(stream, 'close');
      await leave(stream);
      await closed;
    });

    it('is ended: a generator returns', async () => {
      const generator = numbers();
      await leave(generator);
      expect(await generator.next()).toEqual({ done: true, value: undefined });
    });

    it('is not opened for that', async () => {
      await leave({ [Symbol.asyncIterator]: () => expect.unreachable() });
    });
  });

  it('lets go of a web stream that has ended', async () => {
    const stream = new ReadableStream<number>({
      start(controller) {
        controller.enqueue(1);
        controller.close();
      },
    });
    const walk = iterate(stream, on.root.token);
    const steps = await Promise.all([walk.next(), walk.next(), walk.next()]);
    expect([steps.map(({ done }) => done), stream.locked]).toEqual([[false, true, true], false]);
  });

  it('returning while a step waits ends that step as the last one', async () => {
    const walk = iterate(
      (token) =>
        (async function* () {
          await sleep(1000, token);
          yield 1;
        })(),
      on.root.token,
    );
    const step = walk.next();
    await walk.return?.();
    expect(await step).toEqual({ done: true, value: undefined });
  });

  it('leaves nothing on the token, however it ends', async () => {
    for (let i = 0; i < 10; i++) {
      for await (const item of iterate(
        (token) => (token.signal.aborted ? expect.unreachable() : numbers()),
        on.root.token,
      ))
        if (i % 2 && item === 2) break;
    }
    expect(snapshot(on.root.token)).toMatchObject({ callbacks: 0, children: [] });
  });

  it('refuses a source, a token and a limit that are none', () => {
    expect(() => iterate(7 as never, on.root.token)).toThrow('`source`');
    expect(() => iterate([1] as never, on.root.token)).toThrow('`source`');
    expect(() => iterate(numbers(), 7 as never)).toThrow('`token`');
    expect(() => iterate(numbers(), on.root.token, { returnMs: -1 })).toThrow(RangeError);
  });
});
