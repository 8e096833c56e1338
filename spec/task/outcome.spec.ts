import { describe, expect, it } from 'vitest';
import { CancellationError, CancellationSource } from '../../lib/core/index.ts';
import {
  justStopped,
  type Outcome,
  run,
  suspendForever,
  type Task,
  unwrap,
  waitAll,
  waitAny,
} from '../../lib/task/index.ts';
import { bench, stopped } from './support/bench.ts';

const root = () => new CancellationSource();

describe('an outcome', () => {
  bench();

  it('S4-01: is a value, an error or a stop, and nothing else', async () => {
    const failure = new Error('no');
    expect(await run(() => 1)).toEqual({ kind: 'value', value: 1 });
    expect(
      await run(() => {
        throw failure;
      }),
    ).toEqual({ kind: 'error', error: failure });
    expect(await run(() => justStopped())).toEqual({ kind: 'stopped', error: expect.any(CancellationError) });
  });

  it('S4-02: of a void task that has ended differs from one that was stopped', async () => {
    expect(await run(() => undefined)).toEqual({ kind: 'value', value: undefined });
    expect((await run(() => justStopped())).kind).toBe('stopped');
  });
});

describe('E19: what counts as a stop', () => {
  const thrown = (error: unknown, source = root()) =>
    run(
      () => {
        throw error;
      },
      { token: source.token },
    );
  /** Cancels first, from within, so that the task runs at all. */
  const thrownAfterCancel = (make: (source: CancellationSource) => unknown, signal?: AbortController) => {
    const source = new CancellationSource(signal ? { parent: signal.signal } : {});
    return run(
      () => {
        if (signal) signal.abort(new TypeError('theirs'));
        else source.cancel('SHUTDOWN', { cause: new RangeError('a mere cause') });
        throw make(source);
      },
      { token: source.token },
    ).then((outcome) => [outcome, source] as const);
  };

  it('a CancellationError of ours, whoever cancelled', async () => {
    const error = new CancellationError('TIMEOUT');
    expect(await thrown(error)).toEqual({ kind: 'stopped', error });
  });

  it("the token's own error, and an error with that as its cause, as Node's AbortErrors have it", async () => {
    const [same, one] = await thrownAfterCancel((source) => source.token.error);
    expect(same).toEqual(stopped(one));
    const [wrapped, other] = await thrownAfterCancel(({ token }) => new Error('aborted', { cause: token.error }));
    expect(wrapped).toEqual(stopped(other));
  });

  it('the reason of the foreign signal that began the cancel, and an error with that as its cause', async () => {
    const theirs = (source: CancellationSource) => source.token.error?.cause;
    const [same, one] = await thrownAfterCancel(theirs, new AbortController());
    expect(same).toEqual(stopped(one));
    const wrap = (source: CancellationSource) => new Error('aborted', { cause: theirs(source) });
    const [wrapped, other] = await thrownAfterCancel(wrap, new AbortController());
    expect(wrapped).toEqual(stopped(other));
  });

  it.each([
    ['a foreign AbortError', new DOMException('theirs', 'AbortError')],
    ['a foreign TimeoutError', new DOMException('theirs', 'TimeoutError')],
    ['an error that has the cancel of another token as its cause', new Error('x', { cause: new CancellationError() })],
    ['no error at all', undefined],
    ['a text', 'AbortError'],
  ])('not %s', async (_, error) => {
    expect(await thrown(error)).toEqual({ kind: 'error', error });
    const [outcome] = await thrownAfterCancel(() => error);
    expect(outcome).toEqual({ kind: 'error', error });
  });

  it('not what the canceller named as the cause of the cancel', async () => {
    const [outcome] = await thrownAfterCancel((source) => source.token.error?.cause);
    expect(outcome).toEqual({ kind: 'error', error: new RangeError('a mere cause') });
  });

  it('not an error whose cause throws when it is read', async () => {
    const vicious = Object.defineProperty(new Error(), 'cause', {
      get: () => {
        throw new Error('not for you');
      },
    });
    const [outcome] = await thrownAfterCancel(() => vicious);
    expect(outcome.kind).toBe('error');
  });

  it('what `isStop` says, with the error as its cause', async () => {
    const theirs = new DOMException('theirs', 'AbortError');
    const isStop = (error: unknown) => error === theirs;
    const outcome = await run(() => Promise.reject(theirs), { isStop });
    expect(outcome).toMatchObject({ kind: 'stopped', error: { reason: 'CANCELLED', cause: theirs } });
    expect(await run(() => Promise.reject(new Error('no')), { isStop })).toMatchObject({ kind: 'error' });
  });

  it('an `isStop` that throws judges nothing, and what it threw is kept', async () => {
    const judging = new Error('judge');
    const error = new Error('judged');
    const isStop = () => {
      throw judging;
    };
    expect(await run(() => Promise.reject(error), { isStop })).toEqual({ kind: 'error', error, suppressed: [judging] });
  });
});

describe('unwrap', () => {
  const first = new Error('first');
  const second = new Error('second');

  it('returns the value, and throws the error or the stop itself', () => {
    const error = new CancellationError('TIMEOUT');
    expect(unwrap({ kind: 'value', value: 1, suppressed: [first] })).toBe(1);
    expect(() => unwrap({ kind: 'error', error: first })).toThrow(first);
    expect(() => unwrap({ kind: 'stopped', error })).toThrow(error);
  });

  it('throws all errors as one, the one that decided first', () => {
    const thrown = caught({ kind: 'error', error: first, suppressed: [second] }) as AggregateError;
    expect(thrown).toBeInstanceOf(AggregateError);
    expect([thrown.errors, thrown.cause]).toEqual([[first, second], first]);
  });

  it('throws a stop of the same reason, with the errors that came after it as its cause', () => {
    const error = new CancellationError('SHUTDOWN', { description: 'drain', cause: 'why' });
    const thrown = caught({ kind: 'stopped', error, suppressed: [first, second] }) as CancellationError;
    expect(thrown).toBeInstanceOf(CancellationError);
    expect(thrown).toMatchObject({ reason: 'SHUTDOWN', description: 'drain', cause: { errors: [first, second] } });
    expect((thrown.cause as AggregateError).cause).toBe(error);
  });

  it('is undone by the next run: groups within groups lose no error of those that were stopped', async () => {
    const untidy: Task<never> = (token) => suspendForever(token).catch(() => Promise.reject(second));
    const inner: Task<unknown> = (token) => waitAll([suspendForever, untidy], { token }).then(unwrap);
    const middle: Task<unknown> = (token) => waitAny([inner, suspendForever], { token }).then(unwrap);
    expect(await waitAny([middle, () => Promise.reject(first)])).toEqual({
      kind: 'error',
      error: first,
      suppressed: [second],
    });
    const outer = new CancellationSource();
    const running = run(middle, { token: outer.token });
    outer.cancel('SHUTDOWN');
    expect(await running).toEqual({ ...stopped(outer), suppressed: [second] });
  });

  function caught(outcome: Outcome<never>): unknown {
    try {
      return unwrap(outcome);
    } catch (error) {
      return error;
    }
  }
});
