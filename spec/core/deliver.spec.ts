import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, setInstrument } from '../../lib/core/index.ts';
import { uncaughtDuring } from './support/uncaught.ts';

const fail = (message: string) => (): never => {
  throw new Error(message);
};
const failLater = (message: string) => async (): Promise<never> => {
  await undefined;
  throw new Error(message);
};
const thenable = (then: unknown): object => Object.defineProperty({}, 'then', { value: then });
const messagesOf = (error: unknown) => (error as AggregateError).errors.map((one) => (one as Error).message);

/** A source whose hook collects the messages of what failed. */
function collecting(): { source: CancellationSource; reports: string[][] } {
  const reports: string[][] = [];
  return {
    source: new CancellationSource({ onCallbackError: (error) => reports.push(messagesOf(error)) }),
    reports,
  };
}

describe('a callback that throws', () => {
  it('S2-18, E3: stops no other, and does not reach the canceller', () => {
    const { source, reports } = collecting();
    const log: string[] = [];
    source.token.onCancel(fail('one'));
    source.token.onCancel(() => log.push('ran'));
    source.token.onCancel(fail('two'));
    source.token.child().token.onCancel(() => log.push('child ran'));
    expect(source.cancel()).toBe(true);
    expect(log).toEqual(['ran', 'child ran']);
    expect(reports).toEqual([['one', 'two']]);
  });

  it('E3: all of one cancel reach the hook as one AggregateError, in the order they were thrown', () => {
    const errors: AggregateError[] = [];
    const source = new CancellationSource({ onCallbackError: (error) => errors.push(error) });
    const child = source.token.child();
    child.token.onCancel(fail('child'));
    source.token.onCancel(fail('own'));
    source.cancel();
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(AggregateError);
    expect(errors[0]!.message).toBe('2 callbacks of a cancelled token failed; all the others have run.');
    expect(messagesOf(errors[0])).toEqual(['own', 'child']);
  });

  it('E3: one alone is spoken of as one', () => {
    const errors: AggregateError[] = [];
    const source = new CancellationSource({ onCallbackError: (error) => errors.push(error) });
    source.token.onCancel(fail('one'));
    source.cancel();
    expect(errors[0]!.message).toBe('A callback of a cancelled token failed; all the others have run.');
  });

  it('E3: keeps whatever was thrown, errors or not', () => {
    const errors: unknown[] = [];
    const source = new CancellationSource({ onCallbackError: (error) => errors.push(...error.errors) });
    for (const thrown of [undefined, null, 0, 'text']) {
      source.token.onCancel(() => {
        throw thrown;
      });
    }
    source.cancel();
    expect(errors).toEqual([undefined, null, 0, 'text']);
  });

  it('E3: without a hook becomes an uncaught error of its own microtask', async () => {
    const source = new CancellationSource();
    source.token.onCancel(fail('one'));
    source.token.onCancel(fail('two'));
    const caught = await uncaughtDuring(() => {
      expect(source.cancel()).toBe(true);
    });
    expect(caught.map(messagesOf)).toEqual([['one', 'two']]);
  });

  it('E3: on a late registration is reported the same way, and not thrown at the registrar', async () => {
    const { source, reports } = collecting();
    source.cancel();
    source.token.onCancel(fail('late'));
    expect(reports).toEqual([['late']]);
    const caught = await uncaughtDuring(() => {
      CancellationToken.cancelled().onCancel(fail('late, no hook'));
    });
    expect(caught.map(messagesOf)).toEqual([['late, no hook']]);
  });

  it('E3: of an object listener counts as well', () => {
    const { source, reports } = collecting();
    source.token.onCancel({ onCancelled: fail('object') });
    source.cancel();
    expect(reports).toEqual([['object']]);
  });

  it('E3: a hook that throws is itself reported, after all hooks were asked', async () => {
    const { source, reports } = collecting();
    const child = source.token.child({ onCallbackError: fail('hook') });
    child.token.onCancel(fail('child'));
    const sibling = source.token.child();
    sibling.token.onCancel(fail('sibling'));
    const caught = await uncaughtDuring(() => {
      source.cancel();
    });
    expect(reports).toEqual([['sibling']]);
    expect(caught.map((error) => (error as Error).message)).toEqual(['hook']);
  });

  it('E3: the nearest hook answers: the own one, else that of an ancestor; each gets its own', () => {
    const { source, reports } = collecting();
    const own: string[][] = [];
    const child = source.token.child({ onCallbackError: (error) => own.push(messagesOf(error)) });
    const grandchild = child.token.child().token.child();
    for (const [name, { token }] of Object.entries({ source, child, grandchild })) token.onCancel(fail(name));
    source.cancel();
    expect([reports, own]).toEqual([[['source']], [['child', 'grandchild']]]);
  });

  it('E3: a hook that cancels, registers and closes does no harm', () => {
    const other = new CancellationSource();
    const log: string[] = [];
    const source = new CancellationSource({
      onCallbackError: () => {
        log.push(String(other.cancel()), String(source.cancel()));
        source.close();
        source.token.onCancel(() => log.push('late'));
      },
    });
    source.token.onCancel(fail('one'));
    source.cancel();
    expect(log).toEqual(['true', 'false', 'late']);
  });
});

describe('an async callback', () => {
  it('is not waited for by cancel, and its rejection goes to the hook, never unhandled', async () => {
    const { source, reports } = collecting();
    source.token.onCancel(failLater('late'));
    const caught = await uncaughtDuring(() => {
      source.cancel();
      expect(reports).toEqual([]);
    });
    expect([caught, reports]).toEqual([[], [['late']]]);
  });

  it('without a hook is reported as an uncaught error, once', async () => {
    const source = new CancellationSource();
    source.token.onCancel(failLater('late'));
    const caught = await uncaughtDuring(() => {
      source.cancel();
    });
    expect(caught.map(messagesOf)).toEqual([['late']]);
  });

  it('on a late registration is watched as well', async () => {
    const { source, reports } = collecting();
    source.cancel();
    const caught = await uncaughtDuring(() => {
      source.token.onCancel(failLater('late'));
    });
    expect([caught, reports]).toEqual([[], [['late']]]);
  });

  it('may return any thenable, also one that throws', async () => {
    const { source, reports } = collecting();
    const poisons: (() => unknown)[] = [
      () => thenable((_: unknown, reject: (error: Error) => void) => reject(new Error('rejects'))),
      () => thenable(fail('then throws')),
      () => Object.defineProperty({}, 'then', { get: fail('getter throws') }),
    ];
    for (const poison of poisons) source.token.onCancel(poison);
    const caught = await uncaughtDuring(() => {
      source.cancel();
    });
    expect(caught).toEqual([]);
    expect(reports.flat().sort()).toEqual(['getter throws', 'rejects', 'then throws']);
  });

  it('what a callback returns beside promises means nothing: it has run when it returns', () => {
    const { source, reports } = collecting();
    const values = [undefined, null, 0, '', 'then', thenable(1), [], () => fail('no')()];
    for (const value of values) source.token.onCancel(() => value);
    let ran = 0;
    setInstrument({ callbackRan: () => ran++ });
    try {
      source.cancel();
    } finally {
      setInstrument(undefined);
    }
    expect([reports, ran]).toEqual([[], values.length]);
  });

  it('is an object: a function is none, though it has a method `then`', async () => {
    const source = new CancellationSource();
    const then = (): void => expect.unreachable();
    source.token.onCancel(() => Object.assign(() => 1, { then }));
    expect(await source.cancelAsync()).toBe(true);
  });

  it('is told to the instrument when it has settled', async () => {
    const log: string[] = [];
    setInstrument({ callbackRan: (_, failed) => log.push(failed ? 'failed' : 'ran') });
    try {
      const { source } = collecting();
      source.token.onCancel(() => Promise.resolve());
      source.token.onCancel(failLater('late'));
      source.token.onCancel(() => undefined);
      source.token.onCancel(fail('at once'));
      source.cancel();
      expect(log).toEqual(['ran', 'failed']);
      await uncaughtDuring(() => undefined);
      expect(log).toEqual(['ran', 'failed', 'ran', 'failed']);
    } finally {
      setInstrument(undefined);
    }
  });
});

describe('cancelAsync', () => {
  it('E4: flips the state at once and runs the callbacks on a microtask', async () => {
    const source = new CancellationSource();
    const child = source.token.child();
    const log: string[] = [];
    child.token.onCancel(() => log.push('child'));
    source.token.onCancel(() => log.push('own'));
    const done = source.cancelAsync('SHUTDOWN', { description: 'drain' });
    expect([source.token.reason, child.token.cancelled, log.length]).toEqual(['SHUTDOWN', true, 0]);
    expect(await done).toBe(true);
    expect(log).toEqual(['own', 'child']);
    expect(source.token.error?.description).toBe('drain');
  });

  it('S4-10, S4-11: resolves when the async callbacks have settled, long after the state flipped', async () => {
    const source = new CancellationSource();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const log: string[] = [];
    source.token.onCancel(async () => {
      await gate;
      log.push('cleaned up');
    });
    const done = source.cancelAsync().then(() => log.push('done'));
    await uncaughtDuring(() => undefined);
    expect([source.token.cancelled, log]).toEqual([true, []]);
    open();
    await done;
    expect(log).toEqual(['cleaned up', 'done']);
  });

  it('E3: rejects with all that failed, at once or late, and the hook hears nothing', async () => {
    const { source, reports } = collecting();
    source.token.onCancel(failLater('late'));
    source.token.onCancel(fail('at once'));
    source.token.child().token.onCancel(failLater('late too'));
    const error: unknown = await source.cancelAsync().catch((rejection: unknown) => rejection);
    expect(error).toBeInstanceOf(AggregateError);
    expect(messagesOf(error)).toEqual(['at once', 'late', 'late too']);
    expect(reports).toEqual([]);
    expect(source.token.cancelled).toBe(true);
  });

  it('resolves to false when the request was made before, and to true with nobody to tell', async () => {
    const source = new CancellationSource();
    expect(await source.cancelAsync()).toBe(true);
    expect(await source.cancelAsync()).toBe(false);
    const closed = new CancellationSource();
    closed.close();
    expect(await closed.cancelAsync()).toBe(false);
  });

  it('a cancel in between is too late, and runs no callback early', async () => {
    const source = new CancellationSource();
    const log: string[] = [];
    source.token.onCancel(({ reason }) => log.push(reason));
    const done = source.cancelAsync('TIMEOUT');
    expect([source.cancel('SHUTDOWN'), log]).toEqual([false, []]);
    source.close();
    await done;
    expect(log).toEqual(['TIMEOUT']);
  });

  it('E12: the parent’s own cancel in between does not touch what was asked of the child', async () => {
    const root = new CancellationSource();
    const child = root.token.child();
    const leaf = child.token.child();
    const log: string[] = [];
    for (const [name, { token }] of Object.entries({ root, child, leaf })) {
      token.onCancel(({ reason }) => log.push(`${name} ${reason}`));
    }
    const done = child.cancelAsync('TIMEOUT');
    root.cancel('SHUTDOWN');
    expect(log).toEqual(['root SHUTDOWN']);
    await done;
    expect(log).toEqual(['root SHUTDOWN', 'child TIMEOUT', 'leaf TIMEOUT']);
  });

  it('a registration in between runs at once', async () => {
    const source = new CancellationSource();
    const log: string[] = [];
    source.token.onCancel(() => log.push('early'));
    const done = source.cancelAsync();
    source.token.onCancel(() => log.push('late'));
    expect(log).toEqual(['late']);
    await done;
    expect(log).toEqual(['late', 'early']);
  });

  it('S2-01: its promise is a plain one, with nothing to cancel', () => {
    const promise = new CancellationSource().cancelAsync();
    expect(Object.getPrototypeOf(promise)).toBe(Promise.prototype);
    expect(Reflect.ownKeys(promise)).not.toContain('cancel');
  });
});
