import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, snapshot } from '../../lib/core/index.ts';
import { FakeClock } from './support/fake-clock.ts';

const make = (count: number) => Array.from({ length: count }, () => new CancellationSource());
const tokensOf = (sources: readonly CancellationSource[]) => sources.map(({ token }) => token);
const { any, all, none } = CancellationToken;

/** How the cancels of a token are seen: by polling alone, or by a callback that keeps it linked. */
const ways = ['unobserved', 'observed'] as const;

function seen(token: CancellationToken, way: (typeof ways)[number]): string[] {
  const log: string[] = [];
  if (way === 'observed') token.onCancel(({ reason }) => log.push(reason));
  return log;
}

describe.each(ways)('any, %s', (way) => {
  it('S2-29: is cancelled by the first of them, whichever it is, with its error, and no second time', () => {
    for (let i = 0; i < 3; i++) {
      const sources = make(3);
      const token = any(...tokensOf(sources));
      const log = seen(token, way);
      expect([token.cancelled, token.canBeCancelled]).toEqual([false, true]);
      sources[i]!.cancel('PEER_CLOSED');
      expect(token.error).toBe(sources[i]!.token.error);
      for (const source of sources) source.cancel('SHUTDOWN');
      expect(token.reason).toBe('PEER_CLOSED');
      expect(log).toEqual(way === 'observed' ? ['PEER_CLOSED'] : []);
    }
  });

  it('of two that were cancelled since it was last asked, the earlier gives the reason', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const token = any(one.token, two.token);
    const log = seen(token, way);
    two.cancel('TIMEOUT');
    one.cancel('SHUTDOWN');
    expect(token.reason).toBe('TIMEOUT');
    expect(log).toEqual(way === 'observed' ? ['TIMEOUT'] : []);
  });

  it('does not pass on a cancel to its parents', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const source = new CancellationSource({ parent: [one.token, two.token] });
    seen(source.token, way);
    source.cancel();
    expect([one.token.cancelled, two.token.cancelled]).toEqual([false, false]);
    expect(tokensOf([one, two]).map((token) => snapshot(token).children)).toEqual([[], []]);
  });

  it('lives on as long as one parent does, and cannot be cancelled any more when the last has closed', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const token = any(one.token, two.token);
    const log = seen(token, way);
    one.close();
    expect(token.canBeCancelled).toBe(true);
    two.close();
    expect([token.canBeCancelled, token.cancelled, log.length]).toEqual([false, false, 0]);
  });

  it('hears the one parent when the other has closed', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const token = any(one.token, two.token);
    const log = seen(token, way);
    one.close();
    two.cancel('SHUTDOWN');
    expect(token.reason).toBe('SHUTDOWN');
    expect(log).toEqual(way === 'observed' ? ['SHUTDOWN'] : []);
  });
});

describe.each(ways)('all, %s', (way) => {
  it('S2-03: is cancelled only when every one is, with the error of the last', () => {
    const sources = make(3);
    const token = all(...tokensOf(sources));
    const log = seen(token, way);
    sources[1]!.cancel('TIMEOUT');
    expect(token.cancelled).toBe(false);
    sources[0]!.cancel('SHUTDOWN');
    expect([token.cancelled, token.canBeCancelled]).toEqual([false, true]);
    sources[2]!.cancel('PEER_CLOSED');
    expect(token.error).toBe(sources[2]!.token.error);
    expect(log).toEqual(way === 'observed' ? ['PEER_CLOSED'] : []);
  });

  it('of several that were cancelled since it was last asked, the latest gives the reason', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const token = all(one.token, two.token);
    const log = seen(token, way);
    two.cancel('TIMEOUT');
    one.cancel('SHUTDOWN');
    expect(token.reason).toBe('SHUTDOWN');
    expect(log).toEqual(way === 'observed' ? ['SHUTDOWN'] : []);
  });

  it('can never be cancelled any more when one parent has closed', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const token = all(one.token, two.token);
    const log = seen(token, way);
    one.close();
    expect(token.canBeCancelled).toBe(false);
    two.cancel();
    expect([token.cancelled, log.length]).toEqual([false, 0]);
  });

  it('counts those that were cancelled before it was made', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    one.cancel('TIMEOUT');
    const token = all(one.token, two.token);
    const log = seen(token, way);
    expect([token.cancelled, token.canBeCancelled]).toEqual([false, true]);
    two.cancel('SHUTDOWN');
    expect(token.reason).toBe('SHUTDOWN');
    expect(log).toEqual(way === 'observed' ? ['SHUTDOWN'] : []);
  });
});

describe('any and all, made of', () => {
  const [live, other] = make(2) as [CancellationSource, CancellationSource];
  const gone = CancellationToken.cancelled('PEER_CLOSED');
  const late = CancellationToken.cancelled('TIMEOUT');

  it('nothing: none', () => {
    expect([any(), all()]).toEqual([none, none]);
  });

  it('one: that one', () => {
    expect([any(live.token), all(live.token), any(gone), all(gone)]).toEqual([live.token, live.token, gone, gone]);
  });

  it('the same one twice: that one', () => {
    expect(any(live.token, live.token)).toBe(live.token);
    expect(all(live.token, live.token)).toBe(live.token);
  });

  it('one that cannot be cancelled: any does without it, all is none', () => {
    expect(any(none, live.token)).toBe(live.token);
    expect(any(none, none)).toBe(none);
    expect(all(none, live.token)).toBe(none);
  });

  it('some that are cancelled already: any is the first of these, in the order listed', () => {
    expect(any(live.token, late, gone)).toBe(late);
    expect(any(gone, late)).toBe(gone);
    expect(new CancellationSource({ parent: [live.token, gone, late] }).token.reason).toBe('PEER_CLOSED');
  });

  it('all that are cancelled already: cancelled, with the reason of the last', () => {
    expect(all(late, gone).reason).toBe('TIMEOUT');
    expect(all(gone, late).reason).toBe('TIMEOUT');
  });

  it('tokens of which one is closed', () => {
    const closed = new CancellationSource();
    closed.close();
    expect(any(closed.token, live.token)).toBe(live.token);
    expect(all(closed.token, live.token)).toBe(none);
    expect(new CancellationSource({ parent: [closed.token, live.token, other.token] }).token.cancelled).toBe(false);
  });
});

describe('a token of several parents', () => {
  it('in a diamond is seen cancelled from every callback, and told once', () => {
    const root = new CancellationSource();
    const [left, right] = [root.token.child(), root.token.child()];
    for (const bottom of [any(left.token, right.token), all(left.token, right.token)]) {
      let told = 0;
      bottom.onCancel(() => told++);
      left.token.onCancel(() => expect(bottom.cancelled).toBe(true));
      right.token.onCancel(() => expect(bottom.cancelled).toBe(true));
      root.token.onCancel(() => expect([bottom.cancelled, told]).toEqual([true, 0]));
      root.token.onCancel(() => expect(bottom.error).toBe(root.token.error));
    }
    let told = 0;
    any(left.token, right.token).onCancel(() => told++);
    all(left.token, right.token).onCancel(() => told++);
    root.cancel();
    expect(told).toBe(2);
  });

  it('is cancelled by its own source as well, and leaves all its parents', () => {
    const parents = make(3);
    const source = new CancellationSource({ parent: tokensOf(parents) });
    const child = source.token.child();
    let told = 0;
    child.token.onCancel(() => told++);
    expect(parents.map(({ token }) => snapshot(token).children.length)).toEqual([1, 1, 1]);
    expect(source.cancel('TIMEOUT')).toBe(true);
    expect(parents.map(({ token }) => snapshot(token).children.length)).toEqual([0, 0, 0]);
    parents[0]!.cancel('SHUTDOWN');
    expect([source.token.reason, child.token.reason, told]).toEqual(['TIMEOUT', 'TIMEOUT', 1]);
  });

  it('once told by one parent, leaves the others', () => {
    const parents = make(3);
    const token = any(...tokensOf(parents));
    token.onCancel(() => undefined);
    parents[1]!.cancel();
    expect(parents.map(({ token }) => snapshot(token).children.length)).toEqual([0, 0, 0]);
  });

  it('is linked to each parent while somebody listens, and to none after', () => {
    const parents = make(3);
    for (const token of [any(...tokensOf(parents)), all(...tokensOf(parents))]) {
      const below = token.child();
      const registration = below.token.onCancel(() => undefined);
      expect(parents.map(({ token }) => snapshot(token).children.length)).toEqual([1, 1, 1]);
      registration.unregister();
      expect(parents.map(({ token }) => snapshot(token).children.length)).toEqual([0, 0, 0]);
    }
  });

  it('links its parents in the order in which they are listed', () => {
    const root = new CancellationSource();
    const parents = ['a', 'b', 'c'].map((name) => root.token.child({ name }));
    any(...parents.map(({ token }) => token)).onCancel(() => undefined);
    expect(snapshot(root.token).children.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('closes: releases all its parents and cannot be cancelled any more', () => {
    const parents = make(2);
    const source = new CancellationSource({ parent: tokensOf(parents) });
    source.token.onCancel(() => expect.unreachable());
    source.close();
    expect(parents.map(({ token }) => snapshot(token).children.length)).toEqual([0, 0]);
    parents[0]!.cancel();
    expect([source.token.cancelled, source.token.canBeCancelled]).toEqual([false, false]);
  });

  it('keeps out of a cancel that came after its own, even inside a delivery', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const token = any(one.token, two.token);
    const log: string[] = [];
    one.token.onCancel(() => {
      two.cancel('SHUTDOWN');
      log.push(`polled ${token.reason}`);
    });
    token.onCancel(({ reason }) => log.push(`told ${reason}`));
    one.cancel('TIMEOUT');
    expect(log).toEqual(['polled TIMEOUT', 'told TIMEOUT']);
  });

  it('that waits for all is told by the last, even from inside the delivery of the first', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    const token = all(one.token, two.token);
    const log: string[] = [];
    one.token.onCancel(() => {
      two.cancel('SHUTDOWN');
      log.push('one');
    });
    token.onCancel(({ reason }) => log.push(`told ${reason}`));
    one.cancel('TIMEOUT');
    expect(log).toEqual(['told SHUTDOWN', 'one']);
  });

  it('of signals and tokens follows both', () => {
    for (const first of ['signal', 'token'] as const) {
      const [controller, source] = [new AbortController(), new CancellationSource()];
      const token = any(controller.signal, source.token);
      const both = all(controller.signal, source.token);
      const log: string[] = [];
      token.onCancel((error) => log.push(`any ${error.reason}`));
      both.onCancel((error) => log.push(`all ${error.reason}`));
      if (first === 'token') source.cancel('SHUTDOWN');
      controller.abort(new DOMException('slow', 'TimeoutError'));
      if (first === 'signal') source.cancel('SHUTDOWN');
      const order = ['TIMEOUT', 'SHUTDOWN'];
      if (first === 'token') order.reverse();
      expect(log).toEqual([`any ${order[0]}`, `all ${order[1]}`]);
      expect([token.reason, both.reason]).toEqual(order);
    }
  });

  it('of a signal that nobody listens to asks the signal at each poll', () => {
    const [controller, source] = [new AbortController(), new CancellationSource()];
    const token = any(controller.signal, source.token);
    const below = token.child().token.child().token;
    const either = all(any(controller.signal, source.token), any(source.token, new CancellationSource().token));
    expect([below.cancelled, either.cancelled, either.cancelled]).toEqual([false, false, false]);
    new CancellationSource().cancel();
    expect([below.cancelled, either.cancelled]).toEqual([false, false]);
    controller.abort();
    expect([below.cancelled, below.error === token.error, either.cancelled]).toEqual([true, true, false]);
    source.cancel('SHUTDOWN');
    expect(either.reason).toBe('SHUTDOWN');
  });
});

describe('the deadline of a token', () => {
  it('E20, S0-23: is the least of its own and its ancestors’', () => {
    using clock = new FakeClock(0);
    const root = new CancellationSource({ timeout: 100 });
    expect(root.token.child({ timeout: 500 }).token.deadline).toBe(100);
    expect(root.token.child({ timeout: 50 }).token.deadline).toBe(50);
    const hop = root.token.child({ timeout: 80 }).token.child({ timeout: 90 });
    expect(hop.token.deadline).toBe(80);
    clock.advance(30);
    expect(hop.token.remaining()).toBe(50);
    expect(hop.token.child({ timeout: 60 }).token.remaining()).toBe(50);
  });

  it('of any is the least of theirs, of all the last of theirs, and never more than its own', () => {
    using _ = new FakeClock(0);
    const [soon, later] = [new CancellationSource({ timeout: 10 }), new CancellationSource({ timeout: 20 })];
    const [forever] = make(1) as [CancellationSource];
    expect(any(soon.token, later.token, forever.token).deadline).toBe(10);
    expect(all(soon.token, later.token).deadline).toBe(20);
    expect(all(soon.token, forever.token).deadline).toBe(Number.POSITIVE_INFINITY);
    expect(any(forever.token, new CancellationSource().token).deadline).toBe(Number.POSITIVE_INFINITY);
    const followed = CancellationToken.from(new AbortController().signal);
    expect(any(soon.token, followed).deadline).toBe(10);
    expect(all(soon.token, followed).deadline).toBe(Number.POSITIVE_INFINITY);
    expect(any(all(soon.token, later.token), new CancellationSource({ timeout: 15 }).token).deadline).toBe(15);
    expect(all(any(soon.token, later.token), later.token).deadline).toBe(20);
    const parent = [soon.token, later.token];
    expect(new CancellationSource({ parent, timeout: 5 }).token.deadline).toBe(5);
    expect(new CancellationSource({ parent, timeout: 50 }).token.child().token.deadline).toBe(10);
    expect(all(soon.token, later.token).child({ timeout: 15 }).token.deadline).toBe(15);
  });

  it('of all does not count those that are cancelled already, until all of them are', () => {
    using clock = new FakeClock(0);
    const [soon, later] = [new CancellationSource({ timeout: 10 }), new CancellationSource({ timeout: 20 })];
    const [forever] = make(1) as [CancellationSource];
    const both = all(soon.token, forever.token);
    const below = new CancellationSource({ parent: [all(later.token, soon.token), forever.token] });
    expect([both.deadline, below.token.deadline]).toEqual([Number.POSITIVE_INFINITY, 20]);
    forever.cancel();
    expect([both.deadline, all(forever.token, later.token).deadline]).toEqual([10, 20]);
    later.cancel();
    expect([both.child().token.deadline, all(later.token, soon.token).deadline]).toEqual([10, 10]);
    clock.advance(10);
    expect([both.cancelled, both.deadline, both.remaining()]).toEqual([
      true,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('counts a closed token as none', () => {
    using _ = new FakeClock(0);
    const [soon, later] = [new CancellationSource({ timeout: 10 }), new CancellationSource({ timeout: 20 })];
    const [either, both] = [any(soon.token, later.token), all(soon.token, later.token)];
    const below = soon.token.child({ timeout: 30 });
    soon.close();
    expect([either.deadline, both.deadline, below.token.deadline]).toEqual([20, Number.POSITIVE_INFINITY, 30]);
    expect(soon.token.deadline).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('canBeCancelled', () => {
  it('E23: is true of whatever a source, a signal or a cancel stands behind', () => {
    const { signal } = new AbortController();
    const source = new CancellationSource();
    for (const token of [
      source.token,
      source.token.child().token,
      CancellationToken.from(signal),
      CancellationToken.cancelled(),
      any(source.token, signal),
      all(source.token, signal),
      all(any(source.token, signal), any(signal, source.token)),
    ]) {
      expect(token.canBeCancelled).toBe(true);
    }
    expect(none.canBeCancelled).toBe(false);
  });

  it('is decided by the sources that are left, through any and all', () => {
    const [a, b, c] = make(3) as [CancellationSource, CancellationSource, CancellationSource];
    const ab = any(a.token, b.token);
    const both = all(ab, c.token);
    const either = any(both, b.token);
    const can = () => [ab, both, either].map((token) => token.canBeCancelled);
    expect(can()).toEqual([true, true, true]);
    a.close();
    expect(can()).toEqual([true, true, true]);
    c.close();
    expect(can()).toEqual([true, false, true]);
    b.close();
    expect(can()).toEqual([false, false, false]);
  });

  it('a source of several parents can be cancelled though all of them have closed, until it closes itself', () => {
    const parents = make(2);
    const source = new CancellationSource({ parent: tokensOf(parents) });
    for (const parent of parents) parent.close();
    expect(source.token.canBeCancelled).toBe(true);
    source.close();
    expect(source.token.canBeCancelled).toBe(false);
  });

  it('stays true of one that was cancelled, whatever closes afterwards', () => {
    const [a, b] = make(2) as [CancellationSource, CancellationSource];
    const token = any(a.token, b.token);
    a.cancel();
    expect(token.cancelled).toBe(true);
    b.close();
    expect(token.canBeCancelled).toBe(true);
  });
});

describe('the hook of a token of several parents', () => {
  it('is its own, else that of the first parent that has one', () => {
    const log: string[] = [];
    const hooked = (name: string) => new CancellationSource({ onCallbackError: () => log.push(name) });
    const [one, two] = [hooked('one'), hooked('two')];
    const fails = () => {
      throw new Error('fails');
    };
    any(one.token, two.token).onCancel(fails);
    new CancellationSource({ parent: [one.token, two.token], onCallbackError: () => log.push('own') }).token
      .child()
      .token.onCancel(fails);
    two.cancel();
    expect(log).toEqual(['one', 'own']);
  });
});

describe('a graph of many', () => {
  it('any of 20,000 is polled and cancelled in one walk', () => {
    const sources = make(20_000);
    const token = any(...tokensOf(sources));
    expect(token.cancelled).toBe(false);
    let told = 0;
    token.onCancel(() => told++);
    sources.at(-1)!.cancel('SHUTDOWN');
    expect([token.reason, told]).toEqual(['SHUTDOWN', 1]);
    expect(sources.filter((source) => snapshot(source.token).children.length > 0)).toEqual([]);
  });

  it('E30: 100,000 levels of any need no stack', () => {
    const root = new CancellationSource({ timeout: 1e9 });
    let token = root.token;
    for (let i = 0; i < 100_000; i++) token = any(token, new CancellationSource().token);
    expect([token.cancelled, token.canBeCancelled, token.deadline]).toEqual([false, true, root.token.deadline]);
    let told = 0;
    const registration = token.onCancel(() => told++);
    registration.unregister();
    expect(snapshot(root.token).children).toEqual([]);
    token.onCancel(() => told++);
    root.cancel('SHUTDOWN');
    expect([token.reason, told]).toEqual(['SHUTDOWN', 1]);
  });

  it('E30: 1,000 levels of all, each of which is a diamond, are asked once each', () => {
    const [one, two] = make(2) as [CancellationSource, CancellationSource];
    let [left, right] = [one.token, two.token];
    for (let i = 0; i < 1_000; i++) [left, right] = [all(left, right), all(right, left)];
    expect([left.cancelled, left.canBeCancelled, left.deadline]).toEqual([false, true, Number.POSITIVE_INFINITY]);
    let told = 0;
    left.onCancel(() => told++);
    one.cancel();
    expect([left.cancelled, told]).toEqual([false, 0]);
    two.cancel('SHUTDOWN');
    expect([left.reason, right.reason, told]).toEqual(['SHUTDOWN', 'SHUTDOWN', 1]);
  });
});

describe('a token of several parents, one of which follows a signal', () => {
  it('asks the signal each time, whatever it has heard from the others', () => {
    const controller = new AbortController();
    const followed = CancellationToken.from(controller.signal);
    const [one, two] = make(2);
    const polled = [any(one!.token, followed), any(followed, two!.token), any(any(followed, one!.token), two!.token)];
    for (const token of polled) expect([token.cancelled, token.cancelled]).toEqual([false, false]);
    controller.abort();
    for (const token of polled) expect(token.cancelled).toBe(true);
  });
});

describe('a token of several parents that is closed', () => {
  it.each([false, true])('holds none of them, whether it was listened to or not: %s', async (heard) => {
    const live = new CancellationSource();
    const closed = (): { source: CancellationSource; parent: WeakRef<object> } => {
      const parent = new CancellationSource();
      const source = new CancellationSource({ parent: [live.token, parent.token] });
      if (heard) source.token.onCancel(() => undefined);
      source.close();
      return { source, parent: new WeakRef(parent.token) };
    };
    const { source, parent } = closed();
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc?.();
    expect([source.token.cancelled, parent.deref()]).toEqual([false, undefined]);
  });
});
