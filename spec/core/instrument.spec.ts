import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, type Instrument, setInstrument } from '../../lib/core/index.ts';
import { FakeClock } from './support/fake-clock.ts';
import { uncaughtDuring } from './support/uncaught.ts';

describe('the instrument slot', () => {
  const log: unknown[][] = [];
  const names = new Map<object, string>();
  const watch: Required<Instrument> = {
    created: (token, parents) => log.push(['created', token, ...parents]),
    cancelRequested: (token, reason) => log.push(['requested', names.get(token), reason]),
    reached: (token, reason) => log.push(['reached', names.get(token), reason]),
    callbackRan: (token, failed) => log.push(['ran', names.get(token), failed]),
    closed: (token) => log.push(['closed', names.get(token)]),
  };
  const named = (name: string, source: CancellationSource): CancellationSource => {
    names.set(source.token, name);
    return source;
  };
  afterEach(() => {
    setInstrument(undefined);
    log.length = 0;
  });

  it('hands back what was there, so that observers can chain', () => {
    expect(setInstrument(watch)).toBe(undefined);
    expect(setInstrument({})).toBe(watch);
    new CancellationSource().cancel();
    expect(log).toEqual([]);
  });

  it('may have no hook at all, whatever becomes of a callback', async () => {
    setInstrument({});
    const errors: string[] = [];
    const source = new CancellationSource({ onCallbackError: ({ errors: [error] }) => errors.push(error.message) });
    source.token.onCancel(() => undefined);
    source.token.onCancel(() => {
      throw new Error('fails');
    });
    source.token.onCancel(() => Promise.resolve());
    source.token.onCancel(() => Promise.reject(new Error('fails later')));
    expect(await uncaughtDuring(() => source.cancel())).toEqual([]);
    expect(errors).toEqual(['fails', 'fails later']);
    new CancellationSource().close();
  });

  it('hears what is made, and below what', () => {
    const { signal } = new AbortController();
    setInstrument(watch);
    const root = new CancellationSource();
    const child = root.token.child();
    const followed = CancellationToken.from(signal);
    const either = CancellationToken.any(root.token, followed);
    expect(log).toEqual([
      ['created', root.token],
      ['created', child.token, root.token],
      ['created', followed],
      ['created', either, root.token, followed],
    ]);
  });

  it('hears of a request once, of each token that is notified, and of each callback', () => {
    const root = named('root', new CancellationSource({ onCallbackError: () => undefined }));
    const child = named('child', new CancellationSource(root.token));
    named('silent', new CancellationSource(root.token));
    root.token.onCancel(() => undefined);
    child.token.onCancel(() => {
      throw new Error('fails');
    });
    setInstrument(watch);
    root.cancel('SHUTDOWN');
    root.cancel('TIMEOUT');
    child.token.onCancel(() => undefined);
    expect(log).toEqual([
      ['requested', 'root', 'SHUTDOWN'],
      ['reached', 'root', 'SHUTDOWN'],
      ['ran', 'root', false],
      ['reached', 'child', 'SHUTDOWN'],
      ['ran', 'child', true],
      ['ran', 'child', false],
    ]);
  });

  it('hears of a request alone where nobody is to be notified', () => {
    const root = named('root', new CancellationSource());
    setInstrument(watch);
    root.cancel('SHUTDOWN');
    expect(log).toEqual([['requested', 'root', 'SHUTDOWN']]);
  });

  it('hears a deadline as a request, and an abort of a signal where it arrives', () => {
    using clock = new FakeClock();
    const controller = new AbortController();
    const timed = named('timed', new CancellationSource({ timeout: 10 }));
    timed.token.onCancel(() => undefined);
    const followed = CancellationToken.from(controller.signal);
    names.set(followed, 'followed');
    followed.onCancel(() => undefined);
    setInstrument(watch);
    clock.advance(10);
    controller.abort();
    expect(log).toEqual([
      ['requested', 'timed', 'TIMEOUT'],
      ['reached', 'timed', 'TIMEOUT'],
      ['ran', 'timed', false],
      ['reached', 'followed', 'CANCELLED'],
      ['ran', 'followed', false],
    ]);
  });

  it('hears a close, once', () => {
    const source = named('source', new CancellationSource());
    setInstrument(watch);
    source.close();
    source.close();
    const cancelled = new CancellationSource();
    cancelled.cancel();
    log.length = 0;
    cancelled.close();
    expect(log).toEqual([]);
  });

  it('may hear of some things only', async () => {
    setInstrument({});
    const later = new CancellationSource();
    later.token.onCancel(async () => undefined);
    later.token.onCancel(async () => Promise.reject(new Error('late')));
    expect(await uncaughtDuring(() => later.cancelAsync().catch(() => undefined))).toEqual([]);
    const source = new CancellationSource();
    source.token.onCancel(() => undefined);
    source.token.child().close();
    CancellationToken.any(source.token, new CancellationSource().token);
    CancellationToken.from(new AbortController().signal);
    expect(source.cancel()).toBe(true);
  });
});
