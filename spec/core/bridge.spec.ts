import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, CancelReason, reasonOf, snapshot } from '../../lib/core/index.ts';
import { uncaughtDuring } from './support/uncaught.ts';

/** Counts the listeners that a signal really has. */
function listened(signal: AbortSignal): { readonly count: number } {
  let count = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
    count++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<AbortSignal['removeEventListener']>) => {
    count--;
    removeEventListener.apply(signal, args);
  };
  return {
    get count() {
      return count;
    },
  };
}

describe('token.signal', () => {
  it('is a real AbortSignal, made on first use and then always the same', () => {
    const { token } = new CancellationSource();
    expect(snapshot(token).signal).toBe(false);
    expect(token.signal).toBeInstanceOf(AbortSignal);
    expect(token.signal).toBe(token.signal);
    expect(snapshot(token).signal).toBe(true);
    expect([token.signal.aborted, token.signal.reason]).toEqual([false, undefined]);
  });

  it.each(Object.values(CancelReason))('aborts with the one error of the cancel: %s', (reason) => {
    const source = new CancellationSource();
    const { signal } = source.token;
    const reasons: unknown[] = [];
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    source.cancel(reason);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBe(source.token.error);
    expect(reasons).toEqual([source.token.error]);
    expect(() => signal.throwIfAborted()).toThrow(source.token.error);
  });

  it('asked of a token that is listened to leaves its place among its siblings as it was', () => {
    const root = new CancellationSource();
    const children = ['first', 'second', 'third'].map((name) => ({ name, token: root.token.child().token }));
    const log: string[] = [];
    for (const { name, token } of children) token.onCancel(() => log.push(name));
    for (const { name, token } of children.toReversed()) {
      token.signal.addEventListener('abort', () => log.push(`${name}’s signal`));
    }
    root.cancel();
    expect(log).toEqual(['first', 'first’s signal', 'second', 'second’s signal', 'third', 'third’s signal']);
  });

  it('of a whole subtree shows one and the same object', () => {
    const root = new CancellationSource();
    const tokens = [root.token, root.token.child().token, root.token.child().token.child().token];
    const signals = tokens.map(({ signal }) => signal);
    root.cancel();
    expect(
      new Set([...signals.map((signal): unknown => signal.reason), ...tokens.map(({ error }) => error)]).size,
    ).toBe(1);
  });

  it('made after the cancel is aborted from the start, and fires no event', async () => {
    const source = new CancellationSource();
    const child = source.token.child();
    source.cancel('SHUTDOWN');
    for (const { token } of [source, child]) {
      expect([token.signal.aborted, token.signal.reason === source.token.error]).toEqual([true, true]);
      token.signal.addEventListener('abort', () => expect.unreachable());
      expect(token.signal).toBe(token.signal);
    }
    await Promise.resolve();
  });

  it('made inside a callback is aborted already, of the token itself and of those below it', () => {
    const root = new CancellationSource();
    const child = root.token.child();
    let told = 0;
    child.token.onCancel(() => told++);
    root.token.onCancel(() => {
      for (const { token } of [root, child]) {
        expect([token.signal.aborted, token.signal.reason === root.token.error]).toEqual([true, true]);
      }
    });
    root.cancel();
    expect(told).toBe(1);
    expect(child.token.signal.reason).toBe(root.token.error);
  });

  it('E2: made before may lag behind the token inside a parent’s callback, until the cancel has come to it', () => {
    const root = new CancellationSource();
    const child = root.token.child();
    const { signal } = child.token;
    const states: boolean[] = [];
    root.token.onCancel(() => states.push(child.token.cancelled, signal.aborted));
    child.token.onCancel(() => states.push(child.token.cancelled, signal.aborted));
    root.cancel();
    expect([...states, signal.aborted]).toEqual([true, false, true, false, true]);
  });

  it('of a token that cannot be cancelled never aborts', () => {
    const source = new CancellationSource();
    const { signal } = source.token;
    source.close();
    source.cancel();
    expect([signal.aborted, CancellationToken.none.signal.aborted, source.token.signal === signal]).toEqual([
      false,
      false,
      true,
    ]);
    const closed = new CancellationSource();
    closed.close();
    expect(closed.token.signal.aborted).toBe(false);
    expect(closed.token.signal).toBe(closed.token.signal);
  });

  it('of any and all aborts as they are cancelled', () => {
    const [one, two] = [new CancellationSource(), new CancellationSource()];
    const [any, all] = [CancellationToken.any(one.token, two.token), CancellationToken.all(one.token, two.token)];
    const log: string[] = [];
    any.signal.addEventListener('abort', () => log.push('any'));
    all.signal.addEventListener('abort', () => log.push('all'));
    one.cancel('TIMEOUT');
    expect([log, any.signal.reason === one.token.error]).toEqual([['any'], true]);
    two.cancel('SHUTDOWN');
    expect([log, all.signal.reason === two.token.error]).toEqual([['any', 'all'], true]);
  });

  it('a listener that throws is the platform’s affair: the rest of the tree hears of the cancel', async () => {
    const root = new CancellationSource();
    const child = root.token.child();
    let told = 0;
    root.token.signal.addEventListener('abort', () => {
      throw new Error('listener');
    });
    root.token.signal.addEventListener('abort', () => told++);
    child.token.onCancel(() => told++);
    const caught = await uncaughtDuring(() => {
      expect(root.cancel()).toBe(true);
    });
    expect([told, caught.map((error) => (error as Error).message)]).toEqual([2, ['listener']]);
  });

  it('no listener silences a callback: the native event comes after them', () => {
    const source = new CancellationSource();
    let told = 0;
    source.token.signal.addEventListener('abort', (event) => event.stopImmediatePropagation());
    source.token.onCancel(() => told++);
    source.token.child().token.onCancel(() => told++);
    source.cancel();
    expect(told).toBe(2);
  });

  it('takes any number of listeners without a warning', async () => {
    const warnings: Error[] = [];
    const listener = (warning: Error) => warnings.push(warning);
    process.on('warning', listener);
    const [source, controller] = [new CancellationSource(), new AbortController()];
    const late = new CancellationSource();
    late.cancel();
    const followed = CancellationToken.from(controller.signal);
    for (let i = 0; i < 50; i++) {
      for (const signal of [source.token.signal, followed.signal, controller.signal, late.token.signal]) {
        signal.addEventListener('abort', () => i);
      }
      followed.child().token.onCancel(() => i);
    }
    await uncaughtDuring(() => undefined);
    process.off('warning', listener);
    expect(warnings).toEqual([]);
  });
});

describe('S2-07: the signal goes wherever the platform takes one', () => {
  const uses: [string, (signal: AbortSignal) => Promise<unknown>][] = [
    ['fetch', (signal) => fetch('http://127.0.0.1:9/', { signal })],
    ['Request', (signal) => fetch(new Request('http://127.0.0.1:9/', { signal }))],
    ['timers/promises', (signal) => delay(1e6, undefined, { signal })],
    ['events.once', (signal) => once(new EventTarget(), 'never', { signal })],
    ['a stream of node', (signal) => createReadStream('/dev/zero', { signal }).toArray()],
    ['a web stream', (signal) => new ReadableStream({}).pipeTo(new WritableStream({}), { signal })],
  ];

  it.each(uses)('%s: stops, and the reason is found in its error', async (_, use) => {
    const source = new CancellationSource();
    const work = use(source.token.signal).catch((error: unknown) => error);
    source.cancel('PEER_CLOSED');
    expect(reasonOf(await work)).toBe('PEER_CLOSED');
  });

  it.each(uses)('S0-15, %s: does not begin when it is cancelled already', async (_, use) => {
    const { signal } = CancellationToken.cancelled('SHUTDOWN');
    expect(reasonOf(await use(signal).catch((error: unknown) => error))).toBe('SHUTDOWN');
  });

  it('AbortSignal.any: aborts with the reason, also one that is made afterwards', () => {
    const source = new CancellationSource();
    const either = () => AbortSignal.any([new AbortController().signal, source.token.signal]);
    const before = either();
    source.cancel('PEER_CLOSED');
    for (const signal of [before, either()]) expect(signal.reason).toBe(source.token.error);
  });

  it('an event listener is removed by it', () => {
    const source = new CancellationSource();
    const target = new EventTarget();
    let heard = 0;
    target.addEventListener('tick', () => heard++, { signal: source.token.signal });
    target.dispatchEvent(new Event('tick'));
    source.cancel();
    target.dispatchEvent(new Event('tick'));
    expect(heard).toBe(1);
  });
});

describe('CancellationToken.from', () => {
  it('gives the same token for the same signal, and its own token for a token’s signal', () => {
    const { signal } = new AbortController();
    expect(CancellationToken.from(signal)).toBe(CancellationToken.from(signal));
    expect(CancellationToken.from(signal).signal).toBe(signal);
    const { token } = new CancellationSource();
    expect(CancellationToken.from(token.signal)).toBe(token);
    const late = CancellationToken.cancelled();
    expect(CancellationToken.from(late.signal)).toBe(late);
    expect(CancellationToken.from(CancellationToken.none.signal)).toBe(CancellationToken.none);
  });

  it.each([
    ['nothing', undefined, 'CANCELLED'],
    ['null', null, 'CANCELLED'],
    ['a string', 'gone', 'CANCELLED'],
    ['a frozen object', Object.freeze({ name: 'Own' }), 'CANCELLED'],
    ['an error', new Error('broken'), 'CANCELLED'],
    ['an AbortError', new DOMException('stop', 'AbortError'), 'CANCELLED'],
    ['a TimeoutError', new DOMException('slow', 'TimeoutError'), 'TIMEOUT'],
    ['what is named TimeoutError', { name: 'TimeoutError' }, 'TIMEOUT'],
    ['a function, whatever its name', Object.defineProperty(() => 1, 'name', { value: 'TimeoutError' }), 'CANCELLED'],
  ])('E19: an abort with %s keeps it as the cause, and as the signal’s reason', (_, reason, kind) => {
    const controller = new AbortController();
    const token = CancellationToken.from(controller.signal);
    const child = token.child();
    const { signal } = child.token;
    controller.abort(reason);
    const given: unknown = controller.signal.reason;
    expect(token.reason).toBe(kind);
    expect(token.error?.cause).toBe(given);
    expect(child.token.error).toBe(token.error);
    expect([signal.reason === given, token.signal.reason === given]).toEqual([true, true]);
    expect(token.child().token.signal.reason).toBe(given);
  });

  it('an abort with one of our errors is taken as it is', () => {
    const controller = new AbortController();
    const token = CancellationToken.from(controller.signal);
    const { error } = CancellationToken.cancelled('SHUTDOWN');
    controller.abort(error);
    expect([token.error === error, token.reason]).toEqual([true, 'SHUTDOWN']);
  });

  it('of a signal that is aborted already is cancelled from the start', () => {
    const token = CancellationToken.from(AbortSignal.abort('before'));
    expect([token.cancelled, token.error?.cause]).toEqual([true, 'before']);
    expect(new CancellationSource(AbortSignal.abort('before')).token.error?.cause).toBe('before');
  });

  it('S2-13, E5: is polled, registered on and asked for children while the abort is being dispatched', () => {
    const controller = new AbortController();
    const token = CancellationToken.from(controller.signal);
    const child = token.child();
    const log: string[] = [];
    controller.signal.addEventListener('abort', () => {
      log.push(`first listener: ${child.token.cancelled}`);
      token.onCancel(() => log.push('late'));
      token.child().token.onCancel(() => log.push('late child'));
      log.push(`unregistered: ${early.unregister()}`);
    });
    const early = token.onCancel(() => log.push('never'));
    child.token.onCancel(() => log.push('child'));
    controller.signal.addEventListener('abort', () => log.push('last listener'));
    controller.abort();
    expect(log).toEqual(['first listener: true', 'late', 'late child', 'unregistered: true', 'child', 'last listener']);
  });

  it('P6: keeps its state right though an earlier listener silences the event; its callbacks hear nothing then', () => {
    const controller = new AbortController();
    controller.signal.addEventListener('abort', (event) => event.stopImmediatePropagation());
    const token = CancellationToken.from(controller.signal);
    token.onCancel(() => expect.unreachable());
    controller.abort();
    expect(token.cancelled).toBe(true);
  });

  it('P6: believes no event, only the state of the signal', () => {
    const controller = new AbortController();
    const token = CancellationToken.from(controller.signal);
    let told = 0;
    token.onCancel(() => told++);
    controller.signal.dispatchEvent(new Event('abort'));
    expect([told, token.cancelled]).toEqual([0, false]);
    controller.abort();
    expect(told).toBe(1);
  });

  it('S2-27, E24: has one listener however many listen, and none when nobody does', () => {
    const controller = new AbortController();
    const native = listened(controller.signal);
    const token = CancellationToken.from(controller.signal);
    const children = Array.from({ length: 5 }, () => token.child());
    expect([token.cancelled, native.count]).toEqual([false, 0]);
    const registrations = [token, ...children.map((child) => child.token)].map((one) => one.onCancel(() => undefined));
    expect(native.count).toBe(1);
    for (const registration of registrations) registration.unregister();
    expect(native.count).toBe(0);
    token.onCancel(() => undefined);
    expect(native.count).toBe(1);
    controller.abort();
    expect(native.count).toBe(0);
    token.onCancel(() => undefined);
    expect(native.count).toBe(0);
  });

  it('E24: a child that closes or is cancelled takes the listener with it', () => {
    for (const leave of ['close', 'cancel'] as const) {
      const controller = new AbortController();
      const native = listened(controller.signal);
      const child = new CancellationSource(controller.signal);
      child.token.onCancel(() => undefined);
      expect(native.count).toBe(1);
      child[leave]();
      expect(native.count).toBe(0);
    }
  });

  it('its signal is the very one, so a token on the way costs nothing', () => {
    const { signal } = new AbortController();
    const native = listened(signal);
    expect(CancellationToken.from(signal).signal).toBe(signal);
    expect(native.count).toBe(0);
  });

  it('a signal that cannot be extended is followed like any other', () => {
    const controller = new AbortController();
    Object.preventExtensions(controller.signal);
    const token = CancellationToken.from(controller.signal);
    let told = 0;
    token.onCancel(() => told++);
    controller.abort();
    expect([told, CancellationToken.from(controller.signal) === token]).toEqual([1, true]);
  });

  it('E2: an AbortSignal.any is followed, whenever its host marks it', () => {
    const controller = new AbortController();
    const either = AbortSignal.any([controller.signal, new AbortController().signal]);
    const token = CancellationToken.from(either);
    let told = 0;
    token.onCancel(() => told++);
    controller.abort('gone');
    expect([told, token.error?.cause]).toEqual([1, 'gone']);
  });

  it('an AbortSignal.timeout becomes a TIMEOUT', async () => {
    const token = CancellationToken.from(AbortSignal.timeout(1));
    const error = await new Promise((resolve) => token.onCancel(resolve));
    expect([token.reason, error === token.error]).toEqual(['TIMEOUT', true]);
  });
});

describe('a signal of another kind', () => {
  /** What a polyfill looks like: no AbortSignal, but it behaves like one. */
  class Polyfill extends EventTarget {
    aborted = false;
    reason: unknown = undefined;
    abort(reason: unknown): void {
      this.aborted = true;
      this.reason = reason;
      this.dispatchEvent(new Event('abort'));
    }
  }

  it('is followed, and the token’s own signal is a real one', () => {
    const polyfill = new Polyfill();
    const token = CancellationToken.from(polyfill as unknown as AbortSignal);
    expect(CancellationToken.from(polyfill as unknown as AbortSignal)).toBe(token);
    const { signal } = token;
    expect(signal).toBeInstanceOf(AbortSignal);
    const cause = new Error('from afar');
    polyfill.abort(cause);
    expect([signal.aborted, signal.reason, token.error?.cause]).toEqual([true, cause, cause]);
  });

  it('may have been aborted without a reason', () => {
    const polyfill = new Polyfill();
    const token = CancellationToken.from(polyfill as unknown as AbortSignal);
    polyfill.abort(undefined);
    expect([token.reason, token.error?.cause]).toEqual(['CANCELLED', undefined]);
    expect(Object.hasOwn(token.error!, 'cause')).toBe(true);
    expect(token.signal.reason).toBeInstanceOf(DOMException);
  });

  it('of another realm keeps its reason, an exception of that realm', () => {
    const Exception: unknown = runInContext(
      '(class DOMException extends Error { name = "TimeoutError" })',
      createContext(),
    );
    const reason: unknown = new (Exception as new (message: string) => Error)('slow');
    expect(reason instanceof Error).toBe(false);
    const controller = new AbortController();
    const token = CancellationToken.from(controller.signal);
    controller.abort(reason);
    expect([token.reason, token.error?.cause === reason]).toEqual(['TIMEOUT', true]);
  });

  it.each([
    null,
    undefined,
    {},
    { aborted: false },
    { aborted: 'no', addEventListener: () => undefined },
    new EventTarget(),
    () => undefined,
  ])('%o is none', (value) => {
    expect(() => CancellationToken.from(value as unknown as AbortSignal)).toThrow(TypeError);
  });
});
