// What the trusted systems test of sources, tokens and registrations, restated; each title names the system whose test
// it is. Where we decided otherwise than that system, the title says what holds here.
import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, snapshot } from '../../../lib/core/index.ts';
import { turn } from '../../runtimes/harness.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const { any, all, none, cancelled } = CancellationToken;
const source = (...parents: CancellationToken[]) => new CancellationSource({ parent: parents });

describe('.NET', () => {
  it('CancellationTokenRegister_Exceptions: no callback is refused at the call', () => {
    for (const nothing of [null, undefined]) {
      expect(() => source().token.onCancel(nothing as never)).toThrow(TypeError);
      expect(() => cancelled().onCancel(nothing as never)).toThrow(TypeError);
      expect(() => none.onCancel(nothing as never)).toThrow(TypeError);
    }
  });

  it('CancellationTokenEquality: one none, one token per source, and a cancelled one is neither', () => {
    const one = source();
    expect(CancellationToken.none).toBe(none);
    expect(one.token).toBe(one.token);
    expect(new Set([none, one.token, source().token, cancelled()]).size).toBe(4);
  });

  it('TokenSourceDispose, EqualityAndDispose: twice is fine; the token stays readable, a registration disposable, late ones never run', () => {
    const one = source();
    const registration = one.token.onCancel(() => expect.unreachable());
    one.close();
    one.close();
    registration[Symbol.dispose]();
    const late = one.token.onCancel(() => expect.unreachable());
    late[Symbol.dispose]();
    expect([one.token.cancelled, one.cancel()]).toEqual([false, false]);
  });

  it('PassiveListening, ActiveListening, LateEnlistment, Enlist_EarlyAndLate: poll, callback and late callback agree', () => {
    const one = source();
    const log: string[] = [];
    one.token.onCancel(() => log.push('early'));
    expect(one.token.cancelled).toBe(false);
    one.cancel();
    log.push(`poll ${one.token.cancelled}`);
    one.token.onCancel(() => log.push('late'));
    log.push('after');
    expect(log).toEqual(['early', 'poll true', 'late', 'after']);
  });

  it('AddAndRemoveDelegates: the same callback twice counts twice, and removing one removes one', () => {
    const one = source();
    let calls = 0;
    const callback = () => calls++;
    const registrations = [1, 2, 3].map(() => one.token.onCancel(callback));
    registrations[1]!.unregister();
    one.cancel();
    expect(calls).toBe(2);
  });

  it('CreateLinkedTokenSource_One/Two/MultiToken: the parent reaches the linked, never the other way round', () => {
    for (let count = 1; count <= 4; count++) {
      for (let which = 0; which < count; which++) {
        const parents = Array.from({ length: count }, () => source());
        const linked = source(...parents.map(({ token }) => token));
        parents[which]!.cancel('SHUTDOWN');
        expect(linked.token.reason).toBe('SHUTDOWN');
        const others = Array.from({ length: count }, () => source());
        source(...others.map(({ token }) => token)).cancel();
        expect(others.filter(({ token }) => token.cancelled)).toEqual([]);
      }
    }
  });

  it('CreateLinkedTokenSource_*: closing a parent does not cancel the linked', () => {
    const [one, two] = [source(), source()];
    const linked = source(one.token, two.token);
    one.close();
    expect(linked.token.cancelled).toBe(false);
    two.cancel();
    expect(linked.token.cancelled).toBe(true);
  });

  it('SourceTokenAlreadySignalled_*: born cancelled', () => {
    const gone = cancelled('TIMEOUT');
    for (const parents of [[gone], [source().token, gone], [gone, source().token], [gone, cancelled('SHUTDOWN')]]) {
      expect(source(...parents).token.reason).toBe('TIMEOUT');
    }
  });

  it('MultistepComposition: a cancel goes down two steps', () => {
    const [a, b, c] = [source(), source(), source()];
    const ab = source(a.token, b.token);
    const abc = source(ab.token, c.token);
    a.cancel('PEER_CLOSED');
    expect([ab, abc, c].map(({ token }) => token.reason)).toEqual(['PEER_CLOSED', 'PEER_CLOSED', undefined]);
  });

  it('ODEWhenDisposingLinkedCTS: closing the linked after its parent is fine', () => {
    const [one, two] = [source(), source()];
    const linked = source(one.token, two.token);
    linked.token.onCancel(() => expect.unreachable());
    one.close();
    linked.close();
    two.cancel();
    expect(linked.token.cancelled).toBe(false);
  });

  it('CancellationTokenLinking_ODEinTarget: an error in a linked callback comes out aggregated, the others run', async () => {
    const parent = source();
    const log: string[] = [];
    source(parent.token).token.onCancel(() => {
      throw new Error('in the target');
    });
    source(parent.token).token.onCancel(() => log.push('other'));
    const caught = await uncaughtDuring(() => {
      expect(parent.cancel()).toBe(true);
    });
    expect(log).toEqual(['other']);
    expect((caught as AggregateError[]).map(({ errors }) => errors.length)).toEqual([1]);
  });

  it('CallbacksOrderIsLifo: here it is the order of registration', () => {
    const one = source();
    const log: number[] = [];
    for (const i of [1, 2, 3]) one.token.onCancel(() => log.push(i));
    one.cancel();
    expect(log).toEqual([1, 2, 3]);
  });

  it('Cancel_DontThrowOnFirstException: all run, both errors kept in call order', async () => {
    const one = source();
    for (const message of ['first', 'second']) {
      one.token.onCancel(() => {
        throw new Error(message);
      });
    }
    const error: unknown = await one.cancelAsync().catch((rejection: unknown) => rejection);
    expect((error as AggregateError).errors.map(({ message }) => message)).toEqual(['first', 'second']);
  });

  it('BehaviourAfterCancelSignalled, CancellationRegistration_RepeatDispose: everything twice is as once', () => {
    const one = source();
    let calls = 0;
    const registration = one.token.onCancel(() => calls++);
    for (let twice = 0; twice < 2; twice++) {
      one.cancel();
      registration.unregister();
      registration[Symbol.dispose]();
    }
    expect([calls, one.token.cancelled]).toEqual([1, true]);
  });

  it('DeregisterFromWithinACallbackIsSafe', () => {
    const one = source();
    const other = one.token.onCancel(() => undefined);
    let done = false;
    one.token.onCancel(() => {
      other[Symbol.dispose]();
      done = true;
    });
    one.cancel();
    expect(done).toBe(true);
  });

  it('Unregister/Dispose/DisposeAsync DuringCancellation: not yet run is removed, the running one says false', async () => {
    for (const way of ['unregister', Symbol.dispose, Symbol.asyncDispose] as const) {
      const one = source();
      const ran: string[] = [];
      const answers: unknown[] = [];
      const before = one.token.onCancel(() => ran.push('before'));
      const running = one.token.onCancel(() => {
        ran.push('running');
        for (const registration of [before, running, after]) answers.push(registration[way]());
      });
      const after = one.token.onCancel(() => ran.push('after'));
      one.cancel();
      await Promise.all(answers);
      expect(ran).toEqual(['before', 'running']);
      if (way === 'unregister') expect(answers).toEqual([false, false, true]);
    }
  });

  it('UnregisterWhileCallbackRunning_DoesntWait; DisposeAsyncWhileCallbackRunning_Waits', async () => {
    const one = source();
    const log: string[] = [];
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const registration = one.token.onCancel(async () => {
      await gate;
      log.push('callback');
    });
    one.cancel();
    log.push(`unregister ${registration.unregister()}`);
    const disposed = registration[Symbol.asyncDispose]().then(() => log.push('disposed'));
    await turn();
    open();
    await disposed;
    expect(log).toEqual(['unregister false', 'callback', 'disposed']);
  });

  it('ConcurrentUnregisterWithCancel: exactly one of unregistered and invoked', () => {
    for (const order of [
      ['cancel', 'unregister'],
      ['unregister', 'cancel'],
    ]) {
      const one = source();
      let invoked = false;
      let unregistered = false;
      const registration = one.token.onCancel(() => {
        invoked = true;
      });
      for (const step of order) {
        if (step === 'cancel') one.cancel();
        else unregistered = registration.unregister();
      }
      expect([invoked, unregistered]).toEqual([order[0] === 'cancel', order[0] === 'unregister']);
    }
  });

  it('UnregisterOnDefaultIsNop, DisposeAsync_NopAfterDispose', async () => {
    const inert = none.onCancel(() => expect.unreachable());
    expect(inert.unregister()).toBe(false);
    const registration = source().token.onCancel(() => expect.unreachable());
    registration[Symbol.dispose]();
    await registration[Symbol.asyncDispose]();
    expect(registration.unregister()).toBe(false);
  });

  it('Token_AccessibleAfterCtsDispose', () => {
    const one = source();
    const { token } = one;
    one.close();
    expect(one.token).toBe(token);
  });

  it('CancellationTokenSourceWithTimer: infinite, very long and then short, re-armed; 0 is at once', () => {
    using clock = new FakeClock();
    const one = new CancellationSource({ timeout: Number.POSITIVE_INFINITY });
    for (const ms of [Number.MAX_SAFE_INTEGER, 2 ** 31, 100, 10]) one.cancelAfter(ms);
    clock.advance(10);
    expect(one.token.reason).toBe('TIMEOUT');
    expect(new CancellationSource({ timeout: 0 }).token.reason).toBe('TIMEOUT');
    expect(() => source().cancelAfter(Number.NaN)).toThrow(RangeError);
  });

  it('CancelAsync_NoRegistrations, CallbacksInvokedAsynchronously, AllCallbacksInvoked', async () => {
    expect(await source().cancelAsync()).toBe(true);
    const one = source();
    let calls = 0;
    for (let i = 0; i < 3; i++) one.token.onCancel(() => calls++);
    const done = one.cancelAsync();
    expect([one.token.cancelled, calls]).toEqual([true, 0]);
    expect([await done, calls]).toEqual([true, 3]);
  });

  it('ThrowIfCancellationRequested: the error tells whose it is', () => {
    const [one, two] = [source(), source()];
    for (const each of [one, two]) each.cancel();
    expect(() => one.token.throwIfCancelled()).toThrow(one.token.error);
    expect(one.token.error).not.toBe(two.token.error);
  });
});

describe('prex', () => {
  it('defaults, cancel, close, cancel twice, close then cancel', () => {
    const one = source();
    expect([one.token.cancelled, one.token.canBeCancelled]).toEqual([false, true]);
    expect([one.cancel(), one.cancel()]).toEqual([true, false]);
    const two = source();
    two.close();
    expect([two.cancel(), two.token.cancelled, two.token.canBeCancelled]).toEqual([false, false, false]);
  });

  it('linked tokens, linked already cancelled, link type error', () => {
    const one = source();
    const linked = source(one.token);
    one.cancel();
    expect([linked.token.cancelled, source(one.token).token.cancelled]).toEqual([true, true]);
    expect(() => new CancellationSource({ parent: [{}] as never })).toThrow(TypeError);
  });

  it('register a non-function, unregister, error in a callback', async () => {
    const one = source();
    expect(() => one.token.onCancel('no' as never)).toThrow(TypeError);
    one.token.onCancel(() => expect.unreachable()).unregister();
    one.token.onCancel(() => {
      throw new Error('to the host');
    });
    expect(await uncaughtDuring(() => void one.cancel())).toHaveLength(1);
  });

  it('linked tokens state observed immediately: inside the bottom callback of a diamond all read cancelled', () => {
    const main = source();
    const [a, b] = [source(main.token), source(main.token)];
    const bottom = source(a.token, b.token);
    const seen: boolean[] = [];
    for (const each of [bottom, b, a]) {
      each.token.onCancel(() => seen.push(...[main, a, b, bottom].map(({ token }) => token.cancelled)));
    }
    main.cancel();
    expect(seen).toEqual(Array(12).fill(true));
  });
});

describe('esfx', () => {
  it('one and all linked closed: the linked lives with what is left, and with nothing it can be cancelled by its own source only', () => {
    const [one, two] = [source(), source()];
    const [race, linked] = [any(one.token, two.token), source(one.token, two.token)];
    one.close();
    expect([race.canBeCancelled, linked.token.canBeCancelled]).toEqual([true, true]);
    two.close();
    expect([race.canBeCancelled, linked.token.canBeCancelled, linked.cancel()]).toEqual([false, true, true]);
  });

  it('all: already, partial and closed variants', () => {
    const [one, two] = [source(), source()];
    expect(all(cancelled('TIMEOUT'), cancelled('SHUTDOWN')).reason).toBe('SHUTDOWN');
    const partial = all(cancelled(), one.token);
    expect(partial.cancelled).toBe(false);
    one.cancel('SHUTDOWN');
    expect(partial.reason).toBe('SHUTDOWN');
    const late = all(source().token, two.token);
    two.close();
    expect([late.canBeCancelled, all(two.token, cancelled())]).toEqual([false, none]);
  });

  it('canceledWith, timeout, reason undefined until cancelled, after close, and when cancelled after close', () => {
    using clock = new FakeClock();
    expect(cancelled('SHUTDOWN', { description: 'with' }).error?.description).toBe('with');
    const timed = CancellationToken.timeout(10);
    const one = source();
    expect([timed.reason, one.token.reason]).toEqual([undefined, undefined]);
    clock.advance(10);
    one.close();
    expect(one.token.reason).toBe(undefined);
    one.cancel();
    expect([timed.reason, one.token.reason]).toEqual(['TIMEOUT', undefined]);
  });

  it('subscribe matrix: later, immediate, closed, unsubscribed', () => {
    const log: string[] = [];
    const [later, closed, gone] = [source(), source(), source()];
    later.token.onCancel(() => log.push('later'));
    closed.close();
    closed.token.onCancel(() => log.push('closed'));
    gone.token.onCancel(() => log.push('unsubscribed')).unregister();
    cancelled().onCancel(() => log.push('immediate'));
    for (const each of [later, closed, gone]) each.cancel();
    expect(log).toEqual(['immediate', 'later']);
  });
});

describe('stdexec', () => {
  it('request_stop reports whether it made a stop request', () => {
    const one = source();
    expect([one.cancel(), one.cancel()]).toEqual([true, false]);
    expect(one.token.cancelled).toBe(true);
  });

  it('stop-when: identity on an unstoppable token, substitute, fuse; the callback runs once though both fire', () => {
    const [one, two] = [source(), source()];
    expect([any(none, one.token), any(one.token, none)]).toEqual([one.token, one.token]);
    let calls = 0;
    any(one.token, two.token).onCancel(() => calls++);
    for (const each of [one, two]) each.cancel();
    expect(calls).toBe(1);
  });

  it('stop token categories: never, not any more, possible, requested', () => {
    const closed = source();
    closed.close();
    const states = [none, closed.token, source().token, cancelled()].map((t) => [t.canBeCancelled, t.cancelled]);
    expect(states).toEqual([
      [false, false],
      [false, false],
      [true, false],
      [true, true],
    ]);
  });
});

describe('Baja', () => {
  it('stop_util_trivial: leaving the scope unregisters', () => {
    const one = source();
    {
      using _ = one.token.onCancel(() => expect.unreachable());
    }
    expect(snapshot(one.token).callbacks).toBe(0);
    one.cancel();
  });

  it('stop_callback_of_callback: a callback registered in a callback runs immediately; a second request is false', () => {
    const one = source();
    const log: unknown[] = [];
    one.token.onCancel(() => {
      one.token.onCancel(() => log.push('inner'));
      log.push('outer', one.cancel());
    });
    one.cancel();
    expect(log).toEqual(['inner', 'outer', false]);
  });
});
