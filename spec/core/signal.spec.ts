import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { isAbortSignal, lift, listen, SignalOwner } from '../../lib/core/signal.ts';

describe('isAbortSignal', () => {
  it('knows a signal by what it can do, of whatever realm', () => {
    expect(isAbortSignal(new AbortController().signal)).toBe(true);
    expect(isAbortSignal({ aborted: true, addEventListener: () => undefined })).toBe(true);
  });

  it.each([undefined, null, 'signal', { aborted: true }, { aborted: 1, addEventListener: () => undefined }])(
    'is not taken in by %o',
    (value) => {
      expect(isAbortSignal(value)).toBe(false);
    },
  );
});

describe('listen', () => {
  it('calls for an abort, not for an event alone, until it is told to stop', () => {
    const [one, two] = [new AbortController(), new AbortController()];
    let heard = 0;
    listen(one.signal, () => heard++);
    const stop = listen(two.signal, () => heard++);
    one.signal.dispatchEvent(new Event('abort'));
    expect(heard).toBe(0);
    stop();
    two.abort();
    expect(heard).toBe(0);
    one.abort();
    expect(heard).toBe(1);
  });
});

describe('any number of listeners', () => {
  it('may listen to the signal of a token, without a warning', async () => {
    const warnings: Error[] = [];
    const listener = (warning: Error) => warnings.push(warning);
    process.on('warning', listener);
    const cancelled = CancellationToken.cancelled();
    const followed = new AbortController();
    const signals = [
      new CancellationSource().token.signal,
      cancelled.signal,
      CancellationToken.from(followed.signal).signal,
    ];
    for (const signal of signals) {
      for (let i = 0; i < 50; i++) signal.addEventListener('abort', () => undefined);
    }
    // A warning is told on a later turn.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listener);
    expect(warnings).toEqual([]);
  });

  it('is not for a signal of which nothing can be changed', () => {
    const signal = Object.freeze(new AbortController().signal);
    expect(lift(signal)).toBe(signal);
  });

  it('leaves the limit of everybody else as it was', () => {
    const before = EventEmitter.defaultMaxListeners;
    EventEmitter.defaultMaxListeners = 7;
    expect(new CancellationSource().token.signal.aborted).toBe(false);
    expect(EventEmitter.defaultMaxListeners).toBe(7);
    EventEmitter.defaultMaxListeners = before;
  });
});

describe('a host that limits no listeners', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** What the module is on a host whose `events` is this. */
  function on(events: object | undefined): Promise<typeof import('../../lib/core/signal.ts')> {
    const { getBuiltinModule } = process;
    const instead = (name: string) => (name === 'events' ? events : getBuiltinModule.call(process, name));
    vi.spyOn(process, 'getBuiltinModule').mockImplementation(instead as typeof getBuiltinModule);
    vi.resetModules();
    return import('../../lib/core/signal.ts');
  }

  const setMaxListeners = (): void => expect.unreachable();

  it.each([
    ['has no such module', undefined],
    ['cannot be asked', { defaultMaxListeners: 7, setMaxListeners }],
    ['says that there is none', { defaultMaxListeners: 7, getMaxListeners: () => 0, setMaxListeners }],
  ])('is left alone: one that %s', async (_, events) => {
    const { lift, unlimited } = await on(events);
    const { signal } = new AbortController();
    const limits: unknown[] = [];
    const make = () => {
      limits.push((events as { defaultMaxListeners?: number } | undefined)?.defaultMaxListeners);
      return signal;
    };
    expect(unlimited(make)).toBe(signal);
    expect(limits).toEqual([events === undefined ? undefined : 7]);
    expect(lift(signal)).toBe(signal);
  });

  it('is one in which no built-in module can be asked for', async () => {
    const { getBuiltinModule } = process;
    vi.resetModules();
    Object.assign(process, { getBuiltinModule: undefined });
    try {
      const { unlimited } = await import('../../lib/core/signal.ts');
      expect(unlimited(() => AbortSignal.abort()).aborted).toBe(true);
    } finally {
      Object.assign(process, { getBuiltinModule });
    }
  });

  it('may limit them, and yet have no way to lift that of a signal', async () => {
    const { lift } = await on({ defaultMaxListeners: 7, getMaxListeners: () => 7 });
    const { signal } = new AbortController();
    expect(lift(signal)).toBe(signal);
  });
});

describe('SignalOwner', () => {
  it('remembers an owner for each signal, where nobody sees it', () => {
    const [one, two, none] = [1, 2, 3].map(() => new AbortController().signal) as [
      AbortSignal,
      AbortSignal,
      AbortSignal,
    ];
    const before = Reflect.ownKeys(one);
    const [owner, other] = [{}, {}];
    SignalOwner.set(one, owner);
    SignalOwner.set(two, other);
    expect([SignalOwner.of(one), SignalOwner.of(two), SignalOwner.of(none)]).toEqual([owner, other, undefined]);
    expect(SignalOwner.of(one)).toBe(owner);
    expect(Reflect.ownKeys(one)).toEqual(before);
  });
});
