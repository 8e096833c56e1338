import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, CancelReason, snapshot, toToken } from '../../lib/core/index.ts';
import { FakeClock } from './support/fake-clock.ts';

describe('a source', () => {
  it('S2-29: takes its parents as an option or alone, tokens and signals, one or many', () => {
    const parents = (source: CancellationSource, controller: AbortController) => [
      source.token,
      { parent: source.token },
      { parent: [source.token] },
      { parent: new Set([controller.signal, source.token]) },
      { parent: [CancellationToken.none, source.token] },
      { parent: [controller.signal, source.token, source.token] },
    ];
    for (const i of parents(new CancellationSource(), new AbortController()).keys()) {
      const source = new CancellationSource();
      const child = new CancellationSource(parents(source, new AbortController())[i]);
      let told = 0;
      child.token.onCancel(() => told++);
      source.cancel('SHUTDOWN');
      expect([child.token.reason, child.token.error === source.token.error, told]).toEqual(['SHUTDOWN', true, 1]);
    }
  });

  it('follows a signal given alone or among others', () => {
    for (const options of [
      (signal: AbortSignal) => signal,
      (signal: AbortSignal) => ({ parent: signal }),
      (signal: AbortSignal) => ({ parent: [signal, new CancellationSource().token] }),
    ]) {
      const controller = new AbortController();
      const { token } = new CancellationSource(options(controller.signal));
      controller.abort();
      expect(token.reason).toBe('CANCELLED');
    }
  });

  it('S2-29: an already cancelled parent makes it cancelled, with that parent’s error', () => {
    const parent = CancellationToken.cancelled('PEER_CLOSED');
    for (const source of [new CancellationSource(parent), parent.child(), parent.child({ timeout: 1e6 })]) {
      expect(source.token.error).toBe(parent.error);
      expect(source.cancel('TIMEOUT')).toBe(false);
    }
  });

  it('S2-29: of several that are cancelled already, the first one listed gives the reason, whichever came first', () => {
    const [one, two] = [new CancellationSource(), new CancellationSource()];
    const [onetwo, twoone] = [
      [one.token, two.token],
      [two.token, one.token],
    ] as const;
    two.cancel('TIMEOUT');
    one.cancel('PEER_CLOSED');
    const live = new CancellationSource().token;
    for (const parent of [onetwo, [live, ...onetwo]]) {
      expect(new CancellationSource({ parent }).token.error).toBe(one.token.error);
    }
    for (const parent of [twoone, [live, ...twoone]]) {
      expect(new CancellationSource({ parent }).token.error).toBe(two.token.error);
    }
  });

  it('without parents, or with such as cannot be cancelled, is a root', () => {
    for (const options of [undefined, {}, { parent: [] }, { parent: CancellationToken.none }, CancellationToken.none]) {
      const source = new CancellationSource(options);
      expect([source.token.cancelled, source.token.canBeCancelled]).toEqual([false, true]);
      expect(source.cancel()).toBe(true);
    }
  });

  it('carries its name to the snapshot, with and without other options', () => {
    const { token } = new CancellationSource({ name: 'root' });
    expect(snapshot(token).name).toBe('root');
    expect(snapshot(token.child({ name: 'child' }).token).name).toBe('child');
    expect(snapshot(token.child().token).name).toBe(undefined);
  });

  it('S2-16: cancel says whether this call made the request, no more; the default reason is CANCELLED', () => {
    const source = new CancellationSource();
    expect([source.cancel(), source.cancel()]).toEqual([true, false]);
    expect(source.token.reason).toBe(CancelReason.CANCELLED);
  });

  it('S2-09, S2-17, S2-19: the work may finish all the same, and its value is kept; nothing is undone', async () => {
    const source = new CancellationSource();
    const cache = new Map<string, number>();
    const work = (async () => {
      await undefined;
      cache.set('answer', 42);
      return 42;
    })();
    source.cancel();
    expect([await work, cache.get('answer')]).toEqual([42, 42]);
  });

  it('S2-10, S2-11: work that is handed `none` is not cancelled, and work that gets no token runs on', () => {
    const source = new CancellationSource();
    const phases: string[] = [];
    const step = (name: string, token: CancellationToken) => token.cancelled || phases.push(name);
    source.cancel();
    step('cancellable', source.token);
    step('already paid for', CancellationToken.none);
    expect(phases).toEqual(['already paid for']);
  });

  it('S2-14: what should go on goes on, while each item of its work has a source of its own', () => {
    const processor = new CancellationSource();
    const items = ['a', 'b', 'c'].map((name) => processor.token.child({ name }));
    items[1]!.cancel();
    expect(items.map(({ token }) => token.cancelled)).toEqual([false, true, false]);
    expect(processor.token.cancelled).toBe(false);
  });

  it('S2-02: of two that wait for one result, one gives up and the other still gets it', async () => {
    let settle: (value: string) => void = () => undefined;
    const shared = new Promise<string>((resolve) => {
      settle = resolve;
    });
    const wait = (token: CancellationToken): Promise<string> =>
      new Promise((resolve, reject) => {
        token.onCancel(reject);
        shared.then(resolve, reject);
      });
    const [one, two] = [new CancellationSource(), new CancellationSource()];
    const results = Promise.allSettled([wait(one.token), wait(two.token)]);
    one.cancel();
    settle('value');
    expect(await results).toEqual([
      { status: 'rejected', reason: one.token.error },
      { status: 'fulfilled', value: 'value' },
    ]);
  });
});

describe('none', () => {
  it('S3-14, S3-15, S3-37: is never cancelled, has no reason, takes no part, and is always the same', () => {
    const { none } = CancellationToken;
    for (let poll = 0; poll < 1_000; poll++) expect(none.cancelled).toBe(false);
    expect([none.reason, none.error, none.canBeCancelled, none.deadline, none.remaining()]).toEqual([
      undefined,
      undefined,
      false,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect(none.throwIfCancelled()).toBe(undefined);
    expect(CancellationToken.none).toBe(none);
  });

  it('has children that are roots of their own', () => {
    const child = CancellationToken.none.child();
    expect([child.cancel(), child.token.cancelled, CancellationToken.none.cancelled]).toEqual([true, true, false]);
  });
});

describe('CancellationToken.cancelled', () => {
  it('is cancelled from the start, with the reason and the details', () => {
    const cause = new Error('cause');
    const token = CancellationToken.cancelled('SHUTDOWN', { description: 'drain', cause });
    expect(token.error).toMatchObject({ reason: 'SHUTDOWN', description: 'drain', cause });
    expect(CancellationToken.cancelled().reason).toBe('CANCELLED');
    expect(CancellationToken.cancelled()).not.toBe(CancellationToken.cancelled());
  });
});

describe('CancellationToken.timeout', () => {
  it('is cancelled by time alone', () => {
    using clock = new FakeClock();
    const token = CancellationToken.timeout(10);
    expect([token.cancelled, token.canBeCancelled, token.deadline]).toEqual([false, true, 1_010]);
    clock.advance(10);
    expect(token.reason).toBe('TIMEOUT');
  });
});

describe('toToken', () => {
  it('hands a token through and follows a signal', () => {
    const { token } = new CancellationSource();
    const { signal } = new AbortController();
    expect(toToken('parent', token)).toBe(token);
    expect(toToken('parent', token.signal)).toBe(token);
    expect(toToken('parent', signal)).toBe(CancellationToken.from(signal));
  });
});
