import { describe, expect, it } from 'vitest';
import { CancellationToken, setClock } from '../../lib/core/index.ts';
import { checkpoint, run } from '../../lib/task/index.ts';
import { bench, stopped } from './support/bench.ts';

describe('checkpoint', () => {
  const on = bench();

  /** Comes up for air, so that the reckoning starts anew; every loop before the first one is such a spec's. */
  async function aired(): Promise<void> {
    for (let i = 0; i < 300; i++) {
      await on.clock.advanceAsync(10);
      const due = checkpoint(on.root.token);
      if (due !== undefined) return due;
    }
    expect.unreachable('never due');
  }

  /** Calls until it is due, while each call takes so long. */
  function callsUntilDue(ms: number, options?: { everyMs: number }): Promise<number> {
    for (let calls = 1; ; calls++) {
      on.clock.advance(ms);
      const due = checkpoint(on.root.token, options);
      if (due !== undefined) return due.then(() => calls);
    }
  }

  it('S4-49: that is not due returns undefined', async () => {
    await aired();
    for (let i = 0; i < 1000; i++) expect(checkpoint(on.root.token)).toBe(undefined);
  });

  it('is due when the thread was busy for 5 ms, or for as long as it is told', async () => {
    await aired();
    expect(await callsUntilDue(1)).toBe(5);
    expect(await callsUntilDue(1, { everyMs: 3 })).toBe(3);
    expect(await callsUntilDue(1, { everyMs: 0 })).toBe(1);
  });

  it('of quick calls does not read the clock for each, and still is due in time', async () => {
    await aired();
    const calls = await callsUntilDue(0.001);
    expect(calls).toBeGreaterThanOrEqual(5000);
    expect(calls).toBeLessThan(5000 + 64);
  });

  it('reads the clock every 64th quick call at most', async () => {
    await aired();
    let readings = 0;
    const putBack = setClock({
      now: () => {
        readings++;
        return on.clock.now;
      },
      after: () => () => undefined,
    });
    const before = readings;
    for (let i = 0; i < 6400; i++) expect(checkpoint(on.root.token)).toBe(undefined);
    putBack();
    expect(readings - before).toBeGreaterThanOrEqual(100);
    expect(readings - before).toBeLessThan(120);
  });

  it('S3-20: that is not due allocates nothing, nor does a poll', async () => {
    await aired();
    const { token } = on.root;
    const ask = () => {
      let idle = 0;
      for (let i = 0; i < 200_000; i++) if (!token.cancelled && checkpoint(token) === undefined) idle++;
      return idle;
    };
    ask();
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const idle = ask();
    // An object for each would be 16 bytes at least, and a young generation is not collected before it has 16 MB. What
    // there is are numbers of the clock, which is read every 64th time.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(200_000 * 4);
    expect([idle, typeof globalThis.gc]).toEqual([200_000, 'function']);
  });

  it('overshoots by one stride when a quick loop turns slow', async () => {
    await aired();
    for (let i = 0; i < 1000; i++) expect(checkpoint(on.root.token)).toBe(undefined);
    expect(await callsUntilDue(1)).toBeLessThanOrEqual(64);
    expect(await callsUntilDue(1)).toBe(5);
  });

  it('lets the event loop turn, so that a busy loop hears of its cancel', async () => {
    await aired();
    let turns = 0;
    const running = run(
      async (token) => {
        setImmediate(() => {
          on.root.cancel('PEER_CLOSED');
        });
        for (; turns < 1e6; turns++) {
          on.clock.advance(10);
          const due = checkpoint(token);
          await due;
        }
      },
      { token: on.root.token },
    );
    expect(await running).toEqual(stopped(on.root));
    expect(turns).toBeLessThan(10);
  });

  it('throws when the token is cancelled, and rejects when the cancel came while it yielded', async () => {
    await aired();
    on.clock.advance(100);
    let due: Promise<void> | undefined;
    while (due === undefined) due = checkpoint(on.root.token);
    on.root.cancel();
    await expect(due).rejects.toBe(on.root.token.error);
    expect(() => checkpoint(on.root.token)).toThrow(on.root.token.error);
  });

  it('another clock in place makes it due, whatever that clock says', async () => {
    await on.clock.advanceAsync(1e6);
    await aired();
    const putBack = setClock({ now: () => 1, after: () => () => undefined });
    let calls = 0;
    while (checkpoint(on.root.token) === undefined) calls++;
    putBack();
    expect(calls).toBeLessThan(64);
  });

  it('takes an AbortSignal for a token', () => {
    expect(() => checkpoint(AbortSignal.abort(new Error('theirs')))).toThrow('cancelled');
    expect(checkpoint(CancellationToken.none)).toBe(undefined);
  });

  it('refuses a token and a time that are none, at every call', () => {
    for (let i = 0; i < 3; i++) {
      expect(() => checkpoint(undefined as never)).toThrow('`token`');
      expect(() => checkpoint(on.root.token, { everyMs: -1 })).toThrow(RangeError);
      expect(() => checkpoint(on.root.token, { everyMs: '1' as never })).toThrow(TypeError);
    }
  });
});
