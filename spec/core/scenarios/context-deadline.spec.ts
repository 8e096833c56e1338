// What the trusted systems test of contexts and deadlines, restated; each title names the system whose test it is.
import { describe, expect, it } from 'vitest';
import {
  type CancelDetails,
  CancellationSource,
  CancellationToken,
  type CancelReason,
  clock as coreClock,
  pendingAlarms,
  snapshot,
} from '../../../lib/core/index.ts';
import { FakeClock } from '../support/fake-clock.ts';

const below = (parent: CancellationSource) => new CancellationSource(parent.token);
const linked = ({ token }: CancellationSource) => snapshot(token).children.length;

describe('Go', () => {
  it('Background, TODO: never cancelled, no deadline', () => {
    const { none } = CancellationToken;
    expect([none.cancelled, none.deadline, none.canBeCancelled]).toEqual([false, Number.POSITIVE_INFINITY, false]);
  });

  it('WithCancel: propagates before cancel returns, through tokens that add nothing but a name', () => {
    const root = new CancellationSource();
    const wrapped = root.token.child({ name: 'wrapper' }).token.child({ name: 'another' });
    root.cancel('SHUTDOWN');
    expect(wrapped.token.reason).toBe('SHUTDOWN');
  });

  it('ParentFinishesChild: the parent’s set of children is empty afterwards', () => {
    const root = new CancellationSource();
    const children = [below(root), below(root), root.token.child({ timeout: 1e6 })];
    for (const { token } of children) token.onCancel(() => undefined);
    expect(linked(root)).toBe(3);
    root.cancel();
    expect([linked(root), children.filter(({ token }) => !token.cancelled)]).toEqual([0, []]);
  });

  it('ChildFinishesFirst: the parent is untouched, and the child gone from it', () => {
    const root = new CancellationSource();
    const child = below(root);
    child.token.onCancel(() => undefined);
    child.cancel();
    expect([linked(root), root.token.cancelled]).toEqual([0, false]);
  });

  it('Deadline, Timeout: also through a wrapper; past and now are at once', () => {
    using clock = new FakeClock(100);
    const timed = new CancellationSource({ timeout: 50 });
    const wrapped = below(below(timed));
    expect(wrapped.token.deadline).toBe(150);
    clock.advance(50);
    expect(wrapped.token.reason).toBe('TIMEOUT');
    for (const deadline of [0, 149, 150]) expect(new CancellationSource({ deadline }).token.reason).toBe('TIMEOUT');
  });

  it('CanceledTimeout: a cancel before the deadline is a cancel', () => {
    using clock = new FakeClock();
    const timed = new CancellationSource({ timeout: 50 });
    timed.cancel();
    clock.advance(100);
    expect(timed.token.reason).toBe('CANCELLED');
  });

  it('InvalidDerivedFail: no parent that is none', () => {
    for (const parent of [null, 0, 'background']) {
      expect(() => new CancellationSource({ parent: parent as never })).toThrow(TypeError);
    }
  });

  it('SimultaneousCancels, InterlockedCancels: cancels that cancel each other settle', () => {
    const [one, two] = [new CancellationSource(), new CancellationSource()];
    const log: string[] = [];
    one.token.onCancel(() => log.push(`one, two: ${two.cancel()}`));
    two.token.onCancel(() => log.push(`two, one: ${one.cancel()}`));
    one.cancel();
    expect(log).toEqual(['two, one: false', 'one, two: true']);
  });

  it('CancelRemoves: cancel, timeout and a stopped callback leave nothing on the parent', () => {
    using clock = new FakeClock();
    const root = new CancellationSource();
    const cancelled = below(root);
    cancelled.token.onCancel(() => undefined);
    cancelled.cancel();
    root.token.child({ timeout: 5 });
    clock.advance(5);
    root.token.child({ timeout: 5 }).cancel();
    below(root)
      .token.onCancel(() => undefined)
      .unregister();
    root.token.onCancel(() => undefined).unregister();
    expect([linked(root), snapshot(root.token).callbacks, pendingAlarms()]).toEqual([0, 0, 0]);
  });

  it('WithCancelCanceledParent: a child of a cancelled parent is cancelled at construction, with its cause', () => {
    const root = new CancellationSource();
    const cause = new Error('cause');
    root.cancel('PEER_CLOSED', { cause });
    const child = below(root);
    expect([child.token.error === root.token.error, child.token.error?.cause]).toEqual([true, cause]);
  });

  it('WithCancelSimultaneouslyCanceledParent: one that is made while the cancel runs is cancelled too', () => {
    const root = new CancellationSource();
    let made: CancellationToken | undefined;
    root.token.onCancel(() => {
      made = root.token.child().token;
    });
    root.cancel();
    expect(made?.error).toBe(root.token.error);
  });

  describe('Cause', () => {
    type Cancel = [reason?: CancelReason, details?: CancelDetails];
    const [parent, child] = [new Error('parent'), new Error('child')];
    const byParent: Cancel = ['SHUTDOWN', { cause: parent }];
    const byChild: Cancel = ['CANCELLED', { cause: child }];

    it.each<[string, ['parent' | 'child', Cancel][], unknown, unknown]>([
      ['nothing yet', [], undefined, undefined],
      ['parent alone', [['parent', byParent]], parent, parent],
      ['child alone', [['child', byChild]], undefined, child],
      [
        'parent, then child',
        [
          ['parent', byParent],
          ['child', byChild],
        ],
        parent,
        parent,
      ],
      [
        'child, then parent',
        [
          ['child', byChild],
          ['parent', byParent],
        ],
        parent,
        child,
      ],
      ['parent without a cause', [['parent', []]], undefined, undefined],
      [
        'parent without a cause, then child',
        [
          ['parent', []],
          ['child', byChild],
        ],
        undefined,
        undefined,
      ],
      [
        'child without a cause, then parent',
        [
          ['child', []],
          ['parent', byParent],
        ],
        parent,
        undefined,
      ],
      [
        'parent twice',
        [
          ['parent', byParent],
          ['parent', byChild],
        ],
        parent,
        parent,
      ],
      [
        'child twice',
        [
          ['child', byChild],
          ['child', byParent],
        ],
        undefined,
        child,
      ],
    ])('%s', (_, steps, parents, childs) => {
      const root = new CancellationSource();
      const leaf = below(root);
      for (const [who, [reason, details]] of steps) (who === 'parent' ? root : leaf).cancel(reason, details);
      expect([root.token.error?.cause, leaf.token.error?.cause]).toEqual([parents, childs]);
    });

    it.each([
      ['before', 5, 'SHUTDOWN'],
      ['after', 15, 'TIMEOUT'],
    ] as const)('a cancel %s the deadline', (_, at, reason) => {
      using clock = new FakeClock();
      const source = new CancellationSource({ timeout: 10 });
      clock.advance(at);
      source.cancel('SHUTDOWN');
      clock.advance(20);
      expect(source.token.reason).toBe(reason);
    });

    it('stacked: each level that was cancelled first keeps its own', () => {
      const root = new CancellationSource();
      const middle = below(root);
      const leaf = below(middle);
      leaf.cancel('TIMEOUT');
      middle.cancel('PEER_CLOSED');
      root.cancel('SHUTDOWN');
      expect([root, middle, leaf].map(({ token }) => token.reason)).toEqual(['SHUTDOWN', 'PEER_CLOSED', 'TIMEOUT']);
    });
  });

  it('WithoutCancel: a source of no parents hears nothing of those around it', () => {
    const root = new CancellationSource();
    const apart = new CancellationSource();
    root.cancel();
    expect([apart.token.cancelled, apart.token.deadline]).toEqual([false, Number.POSITIVE_INFINITY]);
  });

  it('AfterFunc CalledAfterCancel, CalledAfterTimeout, CalledImmediately, NotCalledAfterStop', () => {
    using clock = new FakeClock();
    const log: string[] = [];
    const [cancelled, timed, stopped] = [
      new CancellationSource(),
      new CancellationSource({ timeout: 5 }),
      new CancellationSource(),
    ];
    cancelled.token.onCancel(() => log.push('after cancel'));
    timed.token.onCancel(() => log.push('after timeout'));
    expect(stopped.token.onCancel(() => log.push('stopped')).unregister()).toBe(true);
    cancelled.cancel();
    clock.advance(5);
    stopped.cancel();
    cancelled.token.onCancel(() => log.push('immediately'));
    expect(log).toEqual(['after cancel', 'after timeout', 'immediately']);
  });

  it('CustomContext AfterFunc: a foreign signal is listened to once, and let go once', () => {
    const { signal } = new AbortController();
    const calls: string[] = [];
    for (const method of ['addEventListener', 'removeEventListener'] as const) {
      const original = signal[method];
      signal[method] = (...args: Parameters<typeof original>) => {
        calls.push(method);
        original.apply(signal, args);
      };
    }
    const child = new CancellationSource(signal);
    const [first, second] = [child.token.onCancel(() => undefined), child.token.onCancel(() => undefined)];
    first.unregister();
    second.unregister();
    expect(calls).toEqual(['addEventListener', 'removeEventListener']);
  });

  it('DeadlineExceededSupportsTimeout: a timeout is told by its reason and by its name', () => {
    const { error } = CancellationToken.timeout(0);
    expect([error?.reason, error?.name]).toEqual(['TIMEOUT', 'TimeoutError']);
  });
});

describe('grpc-java', () => {
  it('rootIsNotCancelled, rootCanNeverHaveAListener, rootHasNoDeadline', () => {
    const { none } = CancellationToken;
    none.onCancel(() => expect.unreachable());
    expect([none.cancelled, snapshot(none).callbacks, none.deadline]).toEqual([false, 0, Number.POSITIVE_INFINITY]);
  });

  it('attachedCancellableContextCannotBeCastFromCurrent: a token is no source', () => {
    const source = new CancellationSource();
    expect(source.token).not.toBeInstanceOf(CancellationSource);
    expect('cancel' in source.token).toBe(false);
  });

  it('cancelReturnsFalseIfAlreadyCancelled, notifyListenersOnCancel', () => {
    const source = new CancellationSource();
    let told = 0;
    for (let i = 0; i < 2; i++) source.token.onCancel(() => told++);
    expect([source.cancel(), told, source.cancel(), told]).toEqual([true, 2, false, 2]);
  });

  it('removeListenersFromContextAndChildContext: the same listener on parent and children leaves each on its own', () => {
    const root = new CancellationSource();
    const child = below(root);
    let told = 0;
    const listener = () => told++;
    const [onRoot] = [root.token.onCancel(listener), child.token.onCancel(listener)];
    onRoot.unregister();
    root.cancel();
    expect(told).toBe(1);
  });

  it('exceptionOfExecutorDoesntThrow: cancel never throws', () => {
    const source = new CancellationSource({ onCallbackError: () => undefined });
    source.token.onCancel(() => {
      throw new Error('listener');
    });
    expect(source.cancel()).toBe(true);
  });

  it('cascadingCancellationNotifiesChild, WithoutListener', () => {
    const root = new CancellationSource();
    const [heard, silent] = [below(root), below(root)];
    let told = 0;
    heard.token.onCancel(() => told++);
    expect([linked(root), root.cancel(), told, silent.token.cancelled, linked(root)]).toEqual([1, true, 1, true, 0]);
  });

  it('childContextListenerNotifiedAfterParentListener: top down, also when the child registered first', () => {
    const root = new CancellationSource();
    const log: string[] = [];
    below(root).token.onCancel(() => log.push('child'));
    root.token.onCancel(() => log.push('parent'));
    root.cancel();
    expect(log).toEqual(['parent', 'child']);
  });

  it('earlierParentDeadlineTakesPrecedence, earlierChildDeadlineTakesPrecedence', () => {
    using clock = new FakeClock(0);
    const root = new CancellationSource({ timeout: 20 });
    const [later, earlier] = [root.token.child({ timeout: 30 }), root.token.child({ timeout: 10 })];
    expect([later.token.deadline, earlier.token.deadline]).toEqual([20, 10]);
    clock.advance(10);
    expect([root, later, earlier].map(({ token }) => token.cancelled)).toEqual([false, false, true]);
    clock.advance(10);
    expect(later.token.error).toBe(root.token.error);
  });

  it('cancellationDoesNotExpireDeadline, cancellationCancelsScheduledTask', () => {
    using clock = new FakeClock(0);
    const source = new CancellationSource({ timeout: 10 });
    source.cancel();
    expect([source.token.remaining(), pendingAlarms()]).toEqual([10, 0]);
    clock.advance(10);
    expect(source.token.reason).toBe('CANCELLED');
  });

  it('absoluteDeadlineTriggersAndPropagates, relativeDeadlineTriggersAndPropagates', () => {
    for (const options of [{ timeout: 10 }, { deadline: 1_010 }]) {
      using clock = new FakeClock();
      const source = new CancellationSource(options);
      const child = below(source);
      const log: string[] = [];
      child.token.onCancel(({ reason }) => log.push(reason));
      expect(child.token.remaining()).toBe(10);
      clock.advance(10);
      expect(log).toEqual(['TIMEOUT']);
    }
  });

  it('innerDeadlineCompletesBeforeOuter', () => {
    using clock = new FakeClock();
    const outer = new CancellationSource({ timeout: 20 });
    const inner = outer.token.child({ timeout: 10 });
    const log: string[] = [];
    outer.token.onCancel(() => log.push(`outer ${coreClock.now()}`));
    inner.token.onCancel(() => log.push(`inner ${coreClock.now()}`));
    clock.advance(30);
    expect(log).toEqual(['inner 1010', 'outer 1020']);
  });

  it('expiredDeadlineShouldCancelContextImmediately', () => {
    using _ = new FakeClock();
    const source = new CancellationSource({ deadline: 1 });
    expect([source.token.cancelled, source.token.remaining()]).toEqual([true, 0]);
  });
});
