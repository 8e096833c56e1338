import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { isAbortSignal, listen, SignalOwner } from '../../lib/core/signal.ts';

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

  it('leaves the limit of everybody else as it was', () => {
    const before = EventEmitter.defaultMaxListeners;
    EventEmitter.defaultMaxListeners = 7;
    expect(new CancellationSource().token.signal.aborted).toBe(false);
    expect(EventEmitter.defaultMaxListeners).toBe(7);
    EventEmitter.defaultMaxListeners = before;
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
