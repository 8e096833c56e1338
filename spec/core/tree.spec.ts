import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, CancelReason, snapshot } from '../../lib/core/index.ts';
import { FakeClock } from './support/fake-clock.ts';

/** A chain of sources, each a child of the one before it. */
function chain(length: number): CancellationSource[] {
  const sources = [new CancellationSource()];
  while (sources.length < length) sources.push(new CancellationSource(sources.at(-1)!.token));
  return sources;
}

const tokensOf = (sources: readonly CancellationSource[]) => sources.map(({ token }) => token);

describe('one way, and the first wins', () => {
  it('S3-01: is cancelled exactly when it has a reason', () => {
    const source = new CancellationSource();
    const { token } = source;
    expect([token.cancelled, token.reason, token.error]).toEqual([false, undefined, undefined]);
    source.cancel('SHUTDOWN');
    expect([token.cancelled, token.reason, token.error?.reason]).toEqual([true, 'SHUTDOWN', 'SHUTDOWN']);
  });

  it('S0-08: each hop has a state, live and then cancelled, and a test can list them', () => {
    const hops = chain(3);
    for (const { token } of hops) token.onCancel(() => undefined);
    const states = (): string[] => {
      const list: string[] = [];
      for (let at = [snapshot(hops[0]!.token)]; at[0]; at = [...at[0].children]) list.push(at[0].state);
      return list;
    };
    expect(states()).toEqual(['live', 'live', 'live']);
    hops[0]!.cancel();
    expect(tokensOf(hops).map((token) => snapshot(token).state)).toEqual(['cancelled', 'cancelled', 'cancelled']);
  });

  it('S0-21, S4-03, E9, E11: only the first call made the request; later ones change nothing, the reason included', () => {
    const source = new CancellationSource();
    expect(source.cancel('PEER_CLOSED', { description: 'first' })).toBe(true);
    const { error } = source.token;
    for (const reason of Object.values(CancelReason)) expect(source.cancel(reason)).toBe(false);
    expect(source.token.error).toBe(error);
    expect(source.token.reason).toBe('PEER_CLOSED');
  });

  it('E9: a cancel inside a callback is a cancel like any other: too late', () => {
    const source = new CancellationSource();
    const child = source.token.child();
    const answers: boolean[] = [];
    source.token.onCancel(() => answers.push(source.cancel('TIMEOUT'), child.cancel('TIMEOUT')));
    source.cancel('SHUTDOWN');
    expect(answers).toEqual([false, false]);
    expect([source.token.reason, child.token.reason]).toEqual(['SHUTDOWN', 'SHUTDOWN']);
  });

  it('E12: a child that was cancelled first keeps its own reason, its parent gets its own', () => {
    const [parent, child] = chain(2) as [CancellationSource, CancellationSource];
    let calls = 0;
    child.token.onCancel(() => calls++);
    child.cancel('TIMEOUT');
    parent.cancel('SHUTDOWN');
    expect([parent.token.reason, child.token.reason, calls]).toEqual(['SHUTDOWN', 'TIMEOUT', 1]);
  });

  it('E12: whatever made it leave its parent: a signal, an alarm, a callback, or nothing', () => {
    using clock = new FakeClock();
    for (const observe of [
      (token: CancellationToken) => token.signal,
      (token: CancellationToken) => token.onCancel(() => undefined),
      (token: CancellationToken) => token.child({ timeout: 50 }),
      () => undefined,
    ]) {
      for (const cancel of [
        (source: CancellationSource) => source.cancel('TIMEOUT'),
        (source: CancellationSource) => source.cancelAfter(0),
        (source: CancellationSource) => {
          source.cancelAfter(10);
          clock.advance(10);
        },
        (source: CancellationSource) => {
          source.cancelAfter(10);
          source.cancelAfter(0);
        },
        (source: CancellationSource) => void source.cancelAsync('TIMEOUT'),
      ]) {
        const [parent, child] = chain(2) as [CancellationSource, CancellationSource];
        observe(child.token);
        cancel(child);
        const { error } = child.token;
        expect(snapshot(parent.token).children).toEqual([]);
        parent.cancel('SHUTDOWN');
        expect(child.token.reason).toBe('TIMEOUT');
        expect(child.token.error).toBe(error);
      }
    }
  });

  it('E23: a closed source cannot be cancelled, throws nothing and says so', () => {
    const source = new CancellationSource();
    let calls = 0;
    source.token.onCancel(() => calls++);
    source.close();
    source.close();
    expect(source.token.canBeCancelled).toBe(false);
    expect(source.cancel()).toBe(false);
    source.cancelAfter(0);
    const registration = source.token.onCancel(() => calls++);
    expect(registration.unregister()).toBe(false);
    expect([source.token.cancelled, source.token.reason, calls]).toEqual([false, undefined, 0]);
  });

  it('E23: a cancelled source that is closed stays cancelled, and tells those who come late', () => {
    const source = new CancellationSource();
    source.cancel('SHUTDOWN');
    source.close();
    let late = '';
    source.token.onCancel((error) => {
      late = error.reason;
    });
    expect([source.token.reason, source.token.canBeCancelled, late]).toEqual(['SHUTDOWN', true, 'SHUTDOWN']);
  });
});

describe('two phases', () => {
  it('S0-05, S0-22, S2-08: a cancel reaches every descendant with the same reason and the same error', () => {
    const hops = chain(5);
    const errors: unknown[] = [];
    for (const { token } of hops) token.onCancel((error) => errors.push(error));
    hops[0]!.cancel('PEER_CLOSED', { description: 'tab closed' });
    expect(tokensOf(hops).map(({ reason }) => reason)).toEqual(Array(5).fill('PEER_CLOSED'));
    expect(new Set([...errors, ...tokensOf(hops).map(({ error }) => error)])).toEqual(new Set([hops[0]!.token.error]));
    expect(errors).toHaveLength(5);
  });

  it('S0-06: a fan-out cancels all children, not only the first', () => {
    const root = new CancellationSource();
    const children = Array.from({ length: 10 }, () => root.token.child());
    let told = 0;
    for (const [i, { token }] of children.entries()) if (i % 2) token.onCancel(() => told++);
    root.cancel();
    expect(children.filter(({ token }) => !token.cancelled)).toEqual([]);
    expect(told).toBe(5);
  });

  it('S0-07: a child that is cancelled leaves its parent and its siblings alone', () => {
    const root = new CancellationSource();
    const [left, middle, right] = [root.token.child(), root.token.child(), root.token.child()];
    for (const { token } of [root, left, right]) token.onCancel(() => expect.unreachable());
    let told = 0;
    middle.token.onCancel(() => told++);
    middle.cancel();
    expect([root, left, middle, right].map(({ token }) => token.cancelled)).toEqual([false, false, true, false]);
    expect(told).toBe(1);
    expect(snapshot(root.token).children).toHaveLength(2);
  });

  it('S0-09, E2: no callback sees a half-cancelled tree', () => {
    const root = new CancellationSource();
    const all = [root];
    for (let i = 0; i < 30; i++) all.push(new CancellationSource(all[i >> 1]!.token));
    const seen: number[] = [];
    for (const { token } of all) token.onCancel(() => seen.push(all.filter((one) => !one.token.cancelled).length));
    root.cancel();
    expect(seen).toEqual(Array(31).fill(0));
  });

  it('S0-20, E1: parents before children, siblings as they were linked, a callback list as it was registered', () => {
    const root = new CancellationSource();
    const [first, second] = [root.token.child(), root.token.child()];
    const below = second.token.child();
    const log: string[] = [];
    // Linked when first observed: `second` before `first`, though made after it.
    below.token.onCancel(() => log.push('below'));
    first.token.onCancel(() => log.push('first'));
    second.token.onCancel(() => log.push('second 1'));
    root.token.onCancel(() => log.push('root 1'));
    second.token.onCancel(() => log.push('second 2'));
    root.token.onCancel(() => log.push('root 2'));
    root.cancel();
    expect(log).toEqual(['root 1', 'root 2', 'second 1', 'second 2', 'first', 'below']);
  });

  it('E1: a token tells its callbacks, then its signal, then its children', () => {
    const root = new CancellationSource();
    const child = root.token.child();
    const log: string[] = [];
    child.token.onCancel(() => log.push('child'));
    root.token.signal.addEventListener('abort', () => log.push('signal'));
    root.token.onCancel(() => log.push('own'));
    root.cancel();
    expect(log).toEqual(['own', 'signal', 'child']);
  });

  it('a token goes to the end of the line when it stops listening and begins again', () => {
    const root = new CancellationSource();
    const [first, second] = [root.token.child(), root.token.child()];
    const log: string[] = [];
    const early = first.token.onCancel(() => log.push('early'));
    second.token.onCancel(() => log.push('second'));
    early.unregister();
    first.token.onCancel(() => log.push('first'));
    root.cancel();
    expect(log).toEqual(['second', 'first']);
  });
});

describe('re-entrancy', () => {
  it('a child made inside a callback is born cancelled, by the very cancel that runs', () => {
    const root = new CancellationSource();
    const born: unknown[] = [];
    root.token.onCancel((error) => {
      const child = root.token.child({ timeout: 1e6 });
      child.token.onCancel((late) => born.push(late === error));
      born.push(child.token.cancelled, child.cancel(), snapshot(root.token).children.length);
    });
    root.cancel();
    expect(born).toEqual([true, true, false, 0]);
  });

  it('a child that is closed inside a callback of its parent hears of the cancel all the same: it was cancelled first', () => {
    const root = new CancellationSource();
    const child = root.token.child();
    let told = 0;
    root.token.onCancel(() => child.close());
    child.token.onCancel(() => told++);
    root.cancel();
    expect([told, child.token.reason]).toEqual([1, 'CANCELLED']);
  });

  it('a parent cancelled inside a callback of its child goes its own way, and each callback runs once', () => {
    const [root, middle, leaf] = chain(3) as [CancellationSource, CancellationSource, CancellationSource];
    const log: string[] = [];
    root.token.onCancel(({ reason }) => log.push(`root ${reason}`));
    middle.token.onCancel(({ reason }) => {
      log.push(`middle ${reason}`);
      log.push(String(root.cancel('SHUTDOWN')));
    });
    middle.token.onCancel(({ reason }) => log.push(`middle 2 ${reason}`));
    leaf.token.onCancel(({ reason }) => log.push(`leaf ${reason}`));
    const other = root.token.child();
    other.token.onCancel(({ reason }) => log.push(`other ${reason}`));
    middle.cancel('TIMEOUT');
    expect(log).toEqual([
      'middle TIMEOUT',
      'root SHUTDOWN',
      'other SHUTDOWN',
      'true',
      'middle 2 TIMEOUT',
      'leaf TIMEOUT',
    ]);
  });

  it('a cancel of another tree inside a callback is delivered there and then', () => {
    const [one, two] = [new CancellationSource(), new CancellationSource()];
    const log: string[] = [];
    one.token.onCancel(() => {
      two.cancel('SHUTDOWN');
      log.push('one');
    });
    two.token.onCancel(({ reason }) => log.push(`two ${reason}`));
    one.cancel();
    expect(log).toEqual(['two SHUTDOWN', 'one']);
  });

  it('a re-arm inside a callback does nothing', () => {
    using clock = new FakeClock();
    const source = new CancellationSource({ timeout: 10 });
    source.token.onCancel(() => source.cancelAfter(5));
    clock.advance(100);
    expect([source.token.reason, source.token.deadline]).toEqual(['TIMEOUT', 1_010]);
  });
});

describe('closing', () => {
  it('releases links and callbacks, and leaves the children to themselves', () => {
    const [root, middle, leaf] = chain(3) as [CancellationSource, CancellationSource, CancellationSource];
    let told = 0;
    middle.token.onCancel(() => told++);
    leaf.token.onCancel(() => told++);
    middle.close();
    expect(snapshot(root.token).children).toEqual([]);
    expect(snapshot(middle.token)).toMatchObject({ state: 'closed', callbacks: 0, children: [] });
    root.cancel();
    expect([told, leaf.token.cancelled]).toEqual([0, false]);
    expect(leaf.cancel('SHUTDOWN')).toBe(true);
    expect([told, leaf.token.reason]).toEqual([1, 'SHUTDOWN']);
  });

  it('does not undo: close after the parent was cancelled finds the child cancelled', () => {
    const [root, child] = chain(2) as [CancellationSource, CancellationSource];
    root.cancel('TIMEOUT');
    child.close();
    expect([child.token.reason, child.token.canBeCancelled]).toEqual(['TIMEOUT', true]);
  });

  it('a child below a closed token is a root of its own', () => {
    const root = new CancellationSource();
    root.close();
    const child = root.token.child();
    let told = 0;
    child.token.onCancel(() => told++);
    expect(child.token.canBeCancelled).toBe(true);
    expect(child.cancel()).toBe(true);
    expect(told).toBe(1);
  });

  it('a child whose parent closes can listen, stop listening and listen again', () => {
    const [root, middle, leaf] = chain(3) as [CancellationSource, CancellationSource, CancellationSource];
    const registration = leaf.token.onCancel(() => undefined);
    middle.close();
    expect(registration.unregister()).toBe(true);
    leaf.token.onCancel(() => undefined);
    expect(snapshot(leaf.token).callbacks).toBe(1);
    expect([root, middle].map(({ token }) => snapshot(token).children.length)).toEqual([0, 0]);
  });

  it('lets go of the callback, though somebody keeps its registration', async () => {
    const source = new CancellationSource();
    const holder = { registration: undefined as unknown };
    const collected = ((): WeakRef<object> => {
      const callback = (): void => undefined;
      holder.registration = source.token.onCancel(callback);
      return new WeakRef(callback);
    })();
    source.close();
    await new Promise<void>((resolve) => setImmediate(resolve));
    globalThis.gc?.();
    expect(collected.deref()).toBe(undefined);
    expect(holder.registration).toBeDefined();
  });

  it('S2-29, using: a block that ends releases its source', () => {
    const root = new CancellationSource();
    let token: CancellationToken;
    {
      using child = root.token.child();
      token = child.token;
      token.onCancel(() => expect.unreachable());
      expect(snapshot(root.token).children).toHaveLength(1);
    }
    expect(snapshot(root.token).children).toEqual([]);
    root.cancel();
    expect(token.cancelled).toBe(false);
  });
});

describe('scale', () => {
  const DEPTH = 100_000;

  it('E30, S2-28: a chain of 100,000 levels is cancelled, polled, closed and read without a stack', () => {
    const sources = chain(DEPTH);
    const leaf = sources.at(-1)!;
    let told = 0;
    leaf.token.onCancel(() => told++);
    expect([leaf.token.cancelled, leaf.token.deadline]).toEqual([false, Number.POSITIVE_INFINITY]);
    sources[0]!.cancel('SHUTDOWN');
    expect([told, leaf.token.reason]).toEqual([1, 'SHUTDOWN']);
  });

  it('E30: a chain of 100,000 levels unlinks when its leaf stops listening', () => {
    const sources = chain(DEPTH);
    const registration = sources.at(-1)!.token.onCancel(() => undefined);
    expect(snapshot(sources[0]!.token).children).toHaveLength(1);
    registration.unregister();
    expect(snapshot(sources[0]!.token).children).toEqual([]);
  });

  it('E30: with a callback at every level, one in ten of which throws, all 100,000 are reached', () => {
    const errors: AggregateError[] = [];
    const sources = [new CancellationSource({ onCallbackError: (error) => errors.push(error) })];
    while (sources.length < DEPTH) sources.push(new CancellationSource(sources.at(-1)!.token));
    let told = 0;
    for (const [i, { token }] of sources.entries()) {
      token.onCancel(() => {
        told++;
        if (i % 10 === 0) throw new Error(`level ${i}`);
      });
    }
    sources[0]!.cancel();
    expect([told, errors.length, errors[0]?.errors.length]).toEqual([DEPTH, 1, DEPTH / 10]);
  });

  it('S2-28: 100,000 children and 100,000 callbacks of one token', () => {
    const root = new CancellationSource();
    let told = 0;
    for (let i = 0; i < 100_000; i++) {
      root.token.onCancel(() => told++);
      root.token.child().token.onCancel(() => told++);
    }
    root.cancel();
    expect(told).toBe(200_000);
  });
});

describe('who may cancel', () => {
  it('S2-20, S2-21: a token holder cannot, by no method and no reachable object', () => {
    const source = new CancellationSource();
    const { token } = source;
    const cancels = ['cancel', 'cancelAsync', 'cancelAfter', 'close', Symbol.dispose, 'flip', 'abort'];
    const reachable = new Set<unknown>();
    const visit = (value: unknown): void => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || reachable.has(value)) return;
      reachable.add(value);
      for (const key of Reflect.ownKeys(value)) {
        const { value: held } = Object.getOwnPropertyDescriptor(value, key)!;
        visit(held);
      }
    };
    visit(token);
    for (let at: object | null = token; at !== null; at = Object.getPrototypeOf(at)) {
      for (const name of cancels) expect(Object.hasOwn(at, name)).toBe(false);
    }
    expect([...reachable].filter((one) => one instanceof CancellationSource || one instanceof AbortController)).toEqual(
      [],
    );
    expect(Reflect.ownKeys(token.signal).map((key) => token.signal[key as never])).not.toContainEqual(
      expect.any(AbortController),
    );
  });

  it('S2-20: the methods of a source refuse an object that only has the token', () => {
    const { token } = new CancellationSource();
    const Source = token.child().constructor as typeof CancellationSource;
    const forged = Object.create(Source.prototype, { token: { value: token } }) as CancellationSource;
    const child = token.child();
    expect(() => Object.assign(child, { token })).toThrow(TypeError);
    child.cancel();
    for (const act of [
      () => forged.cancel(),
      () => forged.cancelAsync(),
      () => forged.cancelAfter(0),
      () => forged.close(),
      () => forged[Symbol.dispose](),
    ]) {
      expect(act).toThrow(TypeError);
    }
    expect([token.cancelled, token.canBeCancelled]).toEqual([false, true]);
  });

  it('S2-20: an abort event dispatched on its signal cancels nothing', () => {
    const { token } = new CancellationSource();
    token.onCancel(() => expect.unreachable());
    token.signal.dispatchEvent(new Event('abort'));
    expect([token.cancelled, token.signal.aborted]).toEqual([false, false]);
    expect('abort' in token.signal).toBe(false);
  });

  it('S2-22, S2-23: a source needs no operation, and has one token', () => {
    const source = new CancellationSource();
    expect(source.token).toBe(source.token);
    expect(source.token).toBeInstanceOf(CancellationToken);
    expect(new CancellationSource().token).not.toBe(source.token);
  });

  it('S2-15, E28: neither a token nor a source tells whether a cancellation has finished', () => {
    const names = [CancellationToken.prototype, CancellationSource.prototype].flatMap((one) => Reflect.ownKeys(one));
    expect(names.filter((name) => /finish|complet|done|settled|then/i.test(String(name)))).toEqual([]);
  });
});

describe('polling', () => {
  it('S0-11, S0-13, S3-16, S3-17: work that polls sees the cancel at its next check; nothing preempts it', () => {
    const source = new CancellationSource();
    const steps: number[] = [];
    for (let step = 0; step < 5 && !source.token.cancelled; step++) {
      steps.push(step);
      if (step === 2) {
        source.cancel();
        steps.push(20);
      }
    }
    expect(steps).toEqual([0, 1, 2, 20]);
  });

  it('S3-13: the state is read live through destructured tokens, closures and awaits', async () => {
    const source = new CancellationSource();
    const { token } = { ...{ token: source.token } };
    const later = (async () => {
      await Promise.resolve();
      return token.cancelled;
    })();
    const closure = () => token.cancelled;
    expect(closure()).toBe(false);
    source.cancel();
    expect([closure(), await later]).toEqual([true, true]);
  });

  it('S4-04: a poll and a callback see the same request', () => {
    const source = new CancellationSource();
    let seen: unknown;
    source.token.onCancel((error) => {
      seen = error;
    });
    source.cancel();
    expect(source.token.error).toBe(seen);
  });

  it('S2-12, S2-13, E14: work launched while a cancel runs, or after it, sees it at its first check or registration', async () => {
    const source = new CancellationSource();
    const { token } = source;
    const seen: [string, boolean][] = [];
    const launch = (where: string) => {
      const child = token.child();
      seen.push([`${where} polls`, child.token.cancelled]);
      let told = false;
      child.token.onCancel(() => {
        told = true;
      });
      seen.push([`${where} registers`, told]);
    };
    token.onCancel(() => launch('callback'));
    token.onCancel(() => queueMicrotask(() => launch('microtask')));
    const task = (async () => {
      await undefined;
      launch('task');
    })();
    source.cancel();
    launch('after');
    await task;
    expect(seen).toHaveLength(8);
    expect(seen.filter(([, saw]) => !saw)).toEqual([]);
  });

  it('throwIfCancelled throws the error of the cancel, and nothing before it', () => {
    const source = new CancellationSource();
    expect(source.token.throwIfCancelled()).toBe(undefined);
    source.cancel('TIMEOUT');
    expect(() => source.token.throwIfCancelled()).toThrow(source.token.error);
  });

  it('an unrelated cancel changes no answer', () => {
    const [one, two] = [chain(3), chain(3)];
    expect(one.at(-1)!.token.cancelled).toBe(false);
    two[1]!.cancel();
    expect(tokensOf(one).map(({ cancelled }) => cancelled)).toEqual([false, false, false]);
    expect(tokensOf(two).map(({ cancelled }) => cancelled)).toEqual([false, true, true]);
  });
});

describe('links', () => {
  it('E24: a child that nobody listens to is unknown to its parent', () => {
    const root = new CancellationSource();
    root.token.child();
    root.token.child({ name: 'named' });
    expect(snapshot(root.token).children).toEqual([]);
  });

  it('E24: it is linked while it has a callback, a signal, a deadline or a child that has one', () => {
    using clock = new FakeClock();
    const root = new CancellationSource();
    const linked = () => snapshot(root.token).children.length;
    const child = root.token.child();
    const registration = child.token.onCancel(() => undefined);
    expect(linked()).toBe(1);
    registration.unregister();
    expect(linked()).toBe(0);
    child.cancelAfter(10);
    expect(linked()).toBe(1);
    child.cancelAfter(Number.POSITIVE_INFINITY);
    expect(linked()).toBe(0);
    const below = child.token.child().token.onCancel(() => undefined);
    expect(linked()).toBe(1);
    below.unregister();
    expect(linked()).toBe(0);
    expect(child.token.signal.aborted).toBe(false);
    expect(linked()).toBe(1);
    child.close();
    expect(linked()).toBe(0);
    clock.advance(100);
    expect(child.token.cancelled).toBe(false);
  });

  it('E24: what one observer leaves, another holds', () => {
    const root = new CancellationSource();
    const child = root.token.child();
    const registrations = [1, 2].map(() => child.token.onCancel(() => undefined));
    const below = child.token.child();
    below.token.onCancel(() => undefined);
    for (const registration of registrations) registration.unregister();
    expect(snapshot(root.token).children).toHaveLength(1);
    below.cancel();
    expect(snapshot(root.token).children).toHaveLength(0);
  });

  it('siblings leave from the front, the middle and the end of the line without disturbing the others', () => {
    const root = new CancellationSource();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const children = names.map((name) => root.token.child({ name }));
    for (const { token } of children) token.onCancel(() => undefined);
    const linked = () => snapshot(root.token).children.map(({ name }) => name);
    children[2]!.close();
    expect(linked()).toEqual(['a', 'b', 'd', 'e']);
    children[0]!.cancel();
    expect(linked()).toEqual(['b', 'd', 'e']);
    children[4]!.close();
    expect(linked()).toEqual(['b', 'd']);
    children[1]!.close();
    children[3]!.close();
    expect(linked()).toEqual([]);
  });
});
