import * as acx from 'abort-controller-x';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { delay, forever, waitForEvent } from '../../lib/abortable/index.ts';
import { CancellationSource, snapshot } from '../../lib/core/index.ts';

const DAYS_25 = 25 * 24 * 3600 * 1000;

describe('delay', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });
  const over = (promise: Promise<unknown>) => {
    const state = { done: false };
    void promise.then(() => {
      state.done = true;
    });
    return state;
  };

  it('beyond 2^31 - 1 ms: the original is over at once, this one when it says', async () => {
    const original = over(acx.delay(new AbortController().signal, DAYS_25));
    await vi.advanceTimersByTimeAsync(1);
    expect(original.done).toBe(true);
    const ours = over(delay(new CancellationSource().token, DAYS_25));
    await vi.advanceTimersByTimeAsync(DAYS_25 - 1);
    expect(ours.done).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(ours.done).toBe(true);
  });

  it('lasts until a date', async () => {
    const waiting = over(delay(new CancellationSource().token, new Date(Date.now() + 10)));
    await vi.advanceTimersByTimeAsync(9);
    expect(waiting.done).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting.done).toBe(true);
  });

  it("ends with the token's error, and its timer is gone", async () => {
    const source = new CancellationSource();
    const waiting = delay(source.token, DAYS_25);
    source.cancel('TIMEOUT');
    await expect(waiting).rejects.toBe(source.token.error);
  });

  it('refuses a time that is none', () => {
    const { token } = new CancellationSource();
    expect(() => delay(token, '1' as never)).toThrow(TypeError);
    expect(() => delay(token, Number.NaN)).toThrow(RangeError);
    expect(() => delay(token, new Date('never'))).toThrow(RangeError);
    expect(() => delay(undefined as never, 1)).toThrow('`token`');
  });
});

describe('forever', () => {
  it("ends with the token's error, and leaves nothing behind", async () => {
    const source = new CancellationSource();
    const waiting = forever(source.token);
    source.cancel('PEER_CLOSED');
    await expect(waiting).rejects.toBe(source.token.error);
    expect(snapshot(source.token).callbacks).toBe(0);
  });
});

describe('waitForEvent', () => {
  /** Calls back while somebody begins to listen to it. */
  class Eager extends EventTarget {
    readonly called: () => void;
    constructor(called: () => void) {
      super();
      this.called = called;
    }
    override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
      super.addEventListener(...args);
      this.called();
    }
  }

  it('resolves with the event', async () => {
    const target = new EventTarget();
    const waiting = waitForEvent(new CancellationSource().token, target, 'ready');
    const event = new Event('ready');
    target.dispatchEvent(event);
    expect(await waiting).toBe(event);
  });

  it('a cancel while it begins to listen: the original waits for ever, this one ends', async () => {
    const controller = new AbortController();
    let settled = false;
    const settle = () => {
      settled = true;
    };
    acx.waitForEvent(controller.signal, new Eager(() => controller.abort()), 'ready').then(settle, settle);
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    const source = new CancellationSource();
    const ours = waitForEvent(source.token, new Eager(() => source.cancel()), 'ready');
    await expect(ours).rejects.toBe(source.token.error);
  });
});
