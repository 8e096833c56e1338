import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { stackless } from '../../lib/core/error.ts';
import * as here from '../../lib/core/index.ts';

type Core = typeof here;

const { CancellationError, CancellationSource, CancellationToken, CancelReason, isCancellation, reasonOf } = here;

const reasons = Object.values(CancelReason);

describe('CancellationError', () => {
  it.each([
    [CancelReason.CANCELLED, 'AbortError', 20, 'The operation was cancelled'],
    [CancelReason.PEER_CLOSED, 'AbortError', 20, 'The peer closed the connection'],
    [CancelReason.TIMEOUT, 'TimeoutError', 23, 'The operation timed out'],
    [CancelReason.SHUTDOWN, 'AbortError', 20, 'The process is shutting down'],
  ])('%s is named %s by the platform', (reason, name, code, message) => {
    const error = new CancellationError(reason);
    expect(error).toMatchObject({ reason, name, code, message });
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toBeInstanceOf(Error);
  });

  it('is CANCELLED when nothing else is said', () => {
    expect(new CancellationError().reason).toBe(CancelReason.CANCELLED);
  });

  it('joins the description to the message, and keeps it', () => {
    const error = new CancellationError('CANCELLED', { description: 'user closed the tab' });
    expect(error.message).toBe('The operation was cancelled: user closed the tab');
    expect(error.description).toBe('user closed the tab');
    expect('description' in new CancellationError()).toBe(false);
  });

  it('keeps the cause as it is, also one that is undefined, and has none that was not given', () => {
    const cause = { any: 'thing' };
    expect(new CancellationError('SHUTDOWN', { cause }).cause).toBe(cause);
    const empty = new CancellationError('SHUTDOWN', { cause: undefined });
    expect(Object.hasOwn(empty, 'cause')).toBe(true);
    expect(empty.cause).toBe(undefined);
    expect(Object.hasOwn(new CancellationError('SHUTDOWN', {}), 'cause')).toBe(false);
  });

  it('shows its cause to an inspector but not to JSON, as other errors do', () => {
    const error = new CancellationError('SHUTDOWN', { description: 'drain', cause: new Error('deploy') });
    expect(JSON.parse(JSON.stringify(error))).toEqual({ reason: 'SHUTDOWN', description: 'drain' });
    expect(Object.keys(error)).not.toContain('cause');
  });

  it('lets its cause be replaced and removed, as that of any error', () => {
    const error: { cause?: unknown } = new CancellationError('SHUTDOWN', { cause: 1 });
    error.cause = 2;
    expect(error.cause).toBe(2);
    delete error.cause;
    expect('cause' in error).toBe(false);
  });

  it('carries the mark by which every copy and version of the package knows it', () => {
    const mark = Symbol.for('nevermind.CancellationError');
    expect(Reflect.get(new CancellationError(), mark)).toBe(true);
    expect({ [mark]: true } instanceof CancellationError).toBe(true);
    expect(Object.getOwnPropertySymbols(new CancellationError())).toEqual([]);
  });

  it.each(reasons)('%s prints its name, message and reason', (reason) => {
    const error = new CancellationError(reason, { description: 'said so', cause: new Error('the root of it') });
    const printed = inspect(error);
    for (const part of [error.name, error.message, reason, 'said so', 'the root of it']) {
      expect(printed).toContain(part);
    }
  });

  it('prints as well inside an object, and without a stack', () => {
    const token = CancellationToken.cancelled('TIMEOUT');
    expect(inspect({ deep: { error: token.error } })).toContain('The operation timed out');
  });

  it('crosses a structured clone with its reason or its name; the clone is none of ours', () => {
    // Node 20 does not know how to clone a DOMException and copies its own fields; later versions copy the exception.
    const clone: Partial<here.CancellationError> = structuredClone(
      new CancellationError('TIMEOUT', { description: 'slow' }),
    );
    expect([clone.reason, clone.name]).toContain(clone instanceof DOMException ? 'TimeoutError' : 'TIMEOUT');
    expect(isCancellation(clone)).toBe(false);
    expect(reasonOf(clone)).toBe(undefined);
  });

  it('crosses as data: the reason and description make an equal error on the other side', () => {
    const error = new CancellationError('TIMEOUT', { description: 'slow' });
    const { reason, description } = structuredClone({ reason: error.reason, description: error.description });
    expect(new CancellationError(reason, { description })).toMatchObject({ name: error.name, message: error.message });
  });
});

describe('the stack of an error that a token makes', () => {
  it('has no frames: the place of the first read would mislead', () => {
    const source = new CancellationSource();
    source.cancel();
    expect(source.token.error?.stack ?? '').not.toMatch(/^\s+at /m);
    expect(new CancellationError().stack).toMatch(/^\s+at /m);
  });

  it('leaves the limit for the errors of others as it was', () => {
    const { stackTraceLimit } = Error;
    stackless('TIMEOUT');
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
    expect(() => stackless('NEVER' as here.CancelReason)).toThrow(TypeError);
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  });

  describe('where the host has frozen the limit, or has none', () => {
    const original = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!;
    afterEach(() => {
      Object.defineProperty(Error, 'stackTraceLimit', original);
      vi.resetModules();
    });

    it.each([
      ['frozen', () => Object.defineProperty(Error, 'stackTraceLimit', { ...original, writable: false })],
      ['missing', () => Reflect.deleteProperty(Error, 'stackTraceLimit')],
    ])('%s: is made all the same', async (_, change) => {
      change();
      vi.resetModules();
      const core: Core = await import('../../lib/core/index.ts');
      expect(core.CancellationToken.cancelled('SHUTDOWN').error).toMatchObject({ reason: 'SHUTDOWN' });
    });
  });
});

describe('across two copies of the package', () => {
  const one: Core = here;
  const another = async (): Promise<Core> => {
    vi.resetModules();
    return import('../../lib/core/index.ts');
  };

  it('an error of the one is an error of the other, and its subclasses stay apart', async () => {
    const two = await another();
    expect(one.CancellationError).not.toBe(two.CancellationError);
    const error = new two.CancellationError('SHUTDOWN');
    expect(error).toBeInstanceOf(one.CancellationError);
    expect(one.isCancellation(error)).toBe(true);
    expect(one.reasonOf(new Error('wrapped', { cause: error }))).toBe('SHUTDOWN');
    class Own extends one.CancellationError {}
    expect(error instanceof Own).toBe(false);
    expect(new Own() instanceof Own).toBe(true);
    expect(new Own() instanceof two.CancellationError).toBe(true);
  });

  it('a signal of the one carries its very error into a token of the other', async () => {
    const two = await another();
    const source = new one.CancellationSource();
    const token = two.CancellationToken.from(source.token.signal);
    const seen: unknown[] = [];
    token.onCancel((error) => seen.push(error));
    source.cancel('SHUTDOWN', { description: 'drain' });
    expect(seen).toEqual([source.token.error]);
    expect(seen[0]).toBe(source.token.error);
    expect(token.reason).toBe('SHUTDOWN');
    expect(two.CancellationToken.from(token.signal)).toBe(token);
    expect(one.CancellationToken.from(source.token.signal)).toBe(source.token);
  });

  it('a token of the other is no token here, and its signal is the way', async () => {
    const two = await another();
    const source = new two.CancellationSource();
    const parent = source.token as unknown as here.CancellationToken;
    expect(() => new one.CancellationSource({ parent })).toThrow(/Expected `parent` to be a CancellationToken/);
    expect(() => new one.CancellationSource({ parent: parent.signal })).not.toThrow();
  });
});

describe('isCancellation', () => {
  it.each([
    undefined,
    null,
    'CANCELLED',
    20,
    {},
    { reason: 'CANCELLED' },
    new Error('no'),
    new DOMException('no', 'AbortError'),
  ])('E19: is false for %o, whatever its name', (value) => {
    expect(isCancellation(value)).toBe(false);
    expect(value instanceof CancellationError).toBe(false);
  });
});

describe('reasonOf', () => {
  it.each(reasons)('finds %s in the error itself and along its causes', (reason) => {
    const error = new CancellationError(reason);
    expect(reasonOf(error)).toBe(reason);
    expect(reasonOf(new Error('outer', { cause: new Error('inner', { cause: error }) }))).toBe(reason);
  });

  it('takes the nearest one', () => {
    expect(reasonOf(new CancellationError('SHUTDOWN', { cause: new CancellationError('TIMEOUT') }))).toBe('SHUTDOWN');
  });

  it('finds it behind the AbortErrors of Node, which wrap the reason', async () => {
    const source = new CancellationSource();
    const { signal } = source.token;
    const waits = [delay(1e6, undefined, { signal }), once(new EventTarget(), 'never', { signal })];
    source.cancel('PEER_CLOSED');
    for (const wait of waits) {
      const error: unknown = await wait.catch((rejection: unknown) => rejection);
      expect(error).not.toBe(source.token.error);
      expect(reasonOf(error)).toBe('PEER_CLOSED');
    }
  });

  it('is undefined for what no cancel of ours is behind', () => {
    for (const value of [undefined, null, 1, 'TIMEOUT', {}, new Error('x'), new DOMException('x', 'TimeoutError')]) {
      expect(reasonOf(value)).toBe(undefined);
    }
  });

  it('gives up on causes that go in a circle', () => {
    const error = new Error('circle');
    error.cause = error;
    expect(reasonOf(error)).toBe(undefined);
  });

  it('looks 32 causes deep', () => {
    const behind = (wrappers: number): unknown => {
      let error: Error = new CancellationError('TIMEOUT');
      for (let i = 0; i < wrappers; i++) error = new Error('outer', { cause: error });
      return error;
    };
    expect(reasonOf(behind(31))).toBe('TIMEOUT');
    expect(reasonOf(behind(32))).toBe(undefined);
  });
});
