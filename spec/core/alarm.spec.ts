import fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Alarm, clearAlarm, setAlarm } from '../../lib/core/alarm.ts';
import {
  CancellationSource,
  clock as coreClock,
  pendingAlarms,
  ringDue,
  type Source,
  setInstrument,
} from '../../lib/core/index.ts';
import { FakeClock } from './support/fake-clock.ts';

interface Ringing {
  readonly at: number;
  /** Tells apart what is equal otherwise. */
  readonly id: symbol;
  readonly source: Source<unknown>;
}

/** A deadline, noted in `rung` when it has come. */
function ringing(at: number, rung: Ringing[]): Ringing {
  const one = { at, id: Symbol(), source: new CancellationSource({ deadline: at }) };
  one.source.token.onCancel(() => rung.push(one));
  return one;
}

describe('the queue of deadlines', () => {
  it('rings in the order of time, and of setting among equal times, whatever was taken back in between', () => {
    type Step = { at: number } | { takeBack: number };
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 3, arbitrary: fc.record({ at: fc.integer({ min: 1, max: 20 }) }) },
      { weight: 1, arbitrary: fc.record({ takeBack: fc.nat(40) }) },
    );
    fc.assert(
      // Without `size`, ten steps are the most that come, and a heap of ten is nearly always in order.
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        using clock = new FakeClock(0);
        const rung: Ringing[] = [];
        let waiting: Ringing[] = [];
        for (const one of steps) {
          if ('at' in one) waiting.push(ringing(one.at, rung));
          else {
            const gone = waiting[one.takeBack % (waiting.length || 1)];
            for (let twice = 0; twice < 2; twice++) gone?.source.close();
            waiting = waiting.filter((other) => other !== gone);
          }
          expect(pendingAlarms()).toBe(waiting.length);
        }
        clock.advance(20);
        expect(rung).toEqual(waiting.toSorted((a, b) => a.at - b.at));
        expect(pendingAlarms()).toBe(0);
      }),
    );
  });

  it('rings in the same order when nearly all are taken back, and their places with them', () => {
    const time = fc.record({ at: fc.integer({ min: 1, max: 50 }), stays: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(time, { minLength: 200, maxLength: 600 }), (times) => {
        using clock = new FakeClock(0);
        const rung: Ringing[] = [];
        const all = times.map(({ at }) => ringing(at, rung));
        const waiting = all.filter(({ source }, i) => times[i]!.stays === 0 || void source.close());
        expect(pendingAlarms()).toBe(waiting.length);
        clock.advance(50);
        expect(rung).toEqual(waiting.toSorted((a, b) => a.at - b.at));
        expect([pendingAlarms(), clock.timers]).toEqual([0, 0]);
      }),
    );
  });

  it('holds nothing of a hundred thousand deadlines that were set and taken back, and takes one more', () => {
    using clock = new FakeClock(0);
    const heap = (): number => {
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const waiting = new CancellationSource({ timeout: 10 });
    const before = heap();
    for (let i = 0; i < 100_000; i++) new CancellationSource({ timeout: 30_000 }).close();
    // A place in the queue takes 40 bytes and more.
    expect(heap() - before).toBeLessThan(2_000_000);
    waiting.close();
    for (let i = 0; i < 1_000; i++) new CancellationSource({ timeout: 30_000 }).close();
    const last = new CancellationSource({ timeout: 20 });
    clock.advance(20);
    expect([waiting.token.cancelled, last.token.cancelled, pendingAlarms()]).toEqual([false, true, 0]);
  });

  it('lets go of an owner whose deadline is taken back, at once', () => {
    using _ = new FakeClock(0);
    const alarm = new Alarm(10);
    setAlarm(alarm, {}, 0);
    clearAlarm(alarm);
    expect([alarm.owner, alarm.at, pendingAlarms()]).toEqual([undefined, 10, 0]);
  });

  it('rings what is due when it is asked to, each once, though their timer is late', () => {
    using clock = new FakeClock(0);
    const rung: number[] = [];
    for (const deadline of [20, 10, 30]) {
      new CancellationSource({ deadline }).token.onCancel(() => rung.push(deadline));
    }
    ringDue();
    expect(rung).toEqual([]);
    const late = vi.spyOn(clock, 'now').mockReturnValue(25);
    ringDue();
    ringDue();
    expect(rung).toEqual([10, 20]);
    late.mockRestore();
    clock.advance(30);
    expect(rung).toEqual([10, 20, 30]);
    expect(clock.timers).toBe(0);
  });

  it('is left alone when it is asked and nothing is due, or nothing is there', () => {
    using clock = new FakeClock(0);
    ringDue();
    const source = new CancellationSource({ timeout: 10 });
    ringDue();
    expect([clock.armed, clock.timers, source.token.cancelled]).toEqual([1, 1, false]);
  });

  it('rings what is due at this very moment when it is asked to, also from within a ringing', () => {
    using clock = new FakeClock(0);
    const rung: Ringing[] = [];
    const first = new CancellationSource({ deadline: 10 });
    ringing(20, rung);
    ringing(21, rung);
    first.token.onCancel(() => {
      clock.advance(10);
      ringDue();
      expect(rung.map(({ at }) => at)).toEqual([20]);
    });
    clock.advance(10);
    expect([rung.map(({ at }) => at), clock.timers]).toEqual([[20], 1]);
    clock.advance(1);
    expect(rung.map(({ at }) => at)).toEqual([20, 21]);
  });

  it('keeps one timer for any number of deadlines', () => {
    using clock = new FakeClock(0);
    const sources = Array.from({ length: 1_000 }, () => new CancellationSource({ timeout: 30_000 }));
    expect([clock.armed, clock.timers]).toEqual([1, 1]);
    for (const source of sources) source.close();
    expect([clock.armed, clock.timers, pendingAlarms()]).toEqual([1, 1, 0]);
    clock.advance(30_000);
    expect([clock.armed, clock.timers]).toEqual([1, 0]);
  });

  it('re-arms for an earlier deadline, and not for a later one', () => {
    using clock = new FakeClock(0);
    const make = (timeout: number) => new CancellationSource({ timeout });
    const sources = [make(100), make(200), make(50)];
    expect([clock.armed, clock.timers]).toEqual([2, 1]);
    clock.advance(50);
    expect(sources.map(({ token }) => token.cancelled)).toEqual([false, false, true]);
    expect([clock.armed, clock.timers]).toEqual([3, 1]);
    clock.advance(150);
    expect(sources.map(({ token }) => token.cancelled)).toEqual([true, true, true]);
    expect(clock.timers).toBe(0);
  });

  it('wakes for nothing when its first deadline was taken back, and waits for the next', () => {
    using clock = new FakeClock(0);
    const [first, second] = [new CancellationSource({ timeout: 10 }), new CancellationSource({ timeout: 20 })];
    first.close();
    clock.advance(10);
    expect([second.token.cancelled, clock.timers]).toEqual([false, 1]);
    clock.advance(10);
    expect(second.token.cancelled).toBe(true);
  });

  it('rings on though an instrument throws, which it must not', () => {
    using clock = new FakeClock(0);
    const rung: Ringing[] = [];
    for (const at of [10, 10, 20]) ringing(at, rung);
    setInstrument({
      cancelRequested() {
        setInstrument(undefined);
        throw new Error('from the instrument');
      },
    });
    expect(() => clock.advance(10)).toThrow('from the instrument');
    expect(clock.timers).toBe(1);
    clock.advance(10);
    expect([rung.map(({ at }) => at), pendingAlarms()]).toEqual([[10, 20], 0]);
  });

  it('takes a deadline that is set while another rings', () => {
    using clock = new FakeClock(0);
    const log: number[] = [];
    const source = new CancellationSource({ timeout: 10 });
    new CancellationSource({ timeout: 30 }).token.onCancel(() => log.push(coreClock.now()));
    source.token.onCancel(() => {
      for (const timeout of [0, 5, 40]) {
        new CancellationSource({ timeout }).token.onCancel(() => log.push(coreClock.now()));
      }
    });
    clock.advance(100);
    expect([log, pendingAlarms(), clock.timers]).toEqual([[10, 15, 30, 50], 0, 0]);
    // Once for each time at which something is due: no timer is put in place of one that is right already.
    expect(clock.armed).toBe(4);
  });

  it('rings what is due in one wake-up, though its timer comes late', () => {
    using clock = new FakeClock(0);
    let now = 0;
    const late = { now: () => now, after: (ms: number, fn: () => void) => clock.after(ms, fn) };
    const rung: number[] = [];
    for (const timeout of [10, 20, 30]) {
      new CancellationSource({ timeout }).token.onCancel(() => rung.push(timeout));
    }
    clock.now = () => late.now();
    now = 25;
    clock.advance(10);
    expect(rung).toEqual([10, 20]);
    now = 30;
    clock.advance(5);
    expect(rung).toEqual([10, 20, 30]);
  });

  it('comes back when its timer comes too early', () => {
    using clock = new FakeClock(0);
    const source = new CancellationSource({ timeout: 10 });
    clock.now = () => 9.5;
    clock.advance(10);
    expect([source.token.cancelled, clock.timers]).toEqual([false, 1]);
    clock.now = () => 10;
    clock.advance(1);
    expect(source.token.cancelled).toBe(true);
  });
});

describe('fake timers of a test runner', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('drive the deadlines', () => {
    vi.useFakeTimers();
    const source = new CancellationSource({ timeout: 1_000 });
    vi.advanceTimersByTime(999);
    expect(source.token.cancelled).toBe(false);
    vi.advanceTimersByTime(1);
    expect(source.token.reason).toBe('TIMEOUT');
  });

  it('leave no dead timer behind that the next deadline would wait for', () => {
    vi.useFakeTimers();
    const forgotten = new CancellationSource({ timeout: 1_000 });
    vi.useRealTimers();
    vi.useFakeTimers({ now: Date.now() });
    vi.advanceTimersByTime(5_000);
    const source = new CancellationSource({ timeout: 1_000 });
    vi.advanceTimersByTime(1_000);
    expect([source.token.cancelled, forgotten.token.cancelled]).toEqual([true, true]);
  });
});

describe('where a timer belongs to the request that set it', () => {
  /** The core as a worker loads it. */
  async function inWorker() {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    vi.resetModules();
    const core = await import('../../lib/core/index.ts');
    const timers: { readonly ms: number; readonly fn: () => void; gone: boolean }[] = [];
    let now = 0;
    const restore = core.setClock({
      now: () => now,
      after(ms, fn) {
        const timer = { ms, fn, gone: false };
        timers.push(timer);
        return () => {
          timer.gone = true;
        };
      },
    });
    onTestFinished(() => {
      restore();
      vi.unstubAllGlobals();
      vi.resetModules();
    });
    return {
      core,
      timers,
      pass(ms: number) {
        now += ms;
      },
    };
  }

  it('sets one for each deadline, which rings for that one alone', async () => {
    const { core, timers, pass } = await inWorker();
    const [first, second] = [300, 200].map((timeout) => new core.CancellationSource({ timeout })) as [
      CancellationSource,
      CancellationSource,
    ];
    expect(timers.map(({ ms }) => ms)).toEqual([300, 200]);
    pass(300);
    // Its request is gone, and the timer with it.
    core.ringDue();
    timers[1]?.fn();
    expect([first.token.cancelled, second.token.reason]).toEqual([false, 'TIMEOUT']);
    timers[0]?.fn();
    expect(first.token.reason).toBe('TIMEOUT');
    expect(core.pendingAlarms()).toBe(0);
  });

  it('takes it back with the deadline', async () => {
    const { core, timers } = await inWorker();
    const [closed, moved] = [100, 100].map((timeout) => new core.CancellationSource({ timeout })) as [
      CancellationSource,
      CancellationSource,
    ];
    closed.close();
    moved.cancelAfter(50);
    expect(timers.map(({ ms, gone }) => [ms, gone])).toEqual([
      [100, true],
      [100, true],
      [50, false],
    ]);
    expect(core.pendingAlarms()).toBe(1);
  });
});
