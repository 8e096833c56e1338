import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, CancelReason, pendingAlarms, snapshot } from '../../lib/core/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { shareToken, tokenFromCell } from '../../lib/thread/index.ts';
import { collect } from '../runtimes/lost-aborts.ts';

const workers: Worker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

/** Another thread that does something under a cell. */
class Thread {
  readonly worker: Worker = new Worker(new URL('support/follower.mjs', import.meta.url));
  readonly exit: Promise<number> = new Promise((resolve) => this.worker.once('exit', resolve));
  readonly #heard: unknown[] = [];
  #waiting: ((message: unknown) => void) | undefined;

  constructor(way: string, cell?: SharedArrayBuffer) {
    workers.push(this.worker);
    this.worker.on('message', (message) => {
      if (this.#waiting === undefined) this.#heard.push(message);
      else this.#waiting(message);
      this.#waiting = undefined;
    });
    this.worker.postMessage({ way, cell });
  }

  async hear(): Promise<unknown> {
    if (this.#heard.length > 0) return this.#heard.shift();
    return await new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}

describe('a thread that is busy and takes no message', () => {
  it.each(Object.values(CancelReason))('S2-07, S4-15: hears of a cancel, and why, by a poll: %s', async (reason) => {
    const source = new CancellationSource();
    const thread = new Thread('poll', shareToken(source.token).cell);
    expect(await thread.hear()).toBe('busy');
    source.cancel(reason, { description: 'stays here' });
    const timeout = reason === 'TIMEOUT';
    expect(await thread.hear()).toEqual({
      reason,
      name: timeout ? 'TimeoutError' : 'AbortError',
      code: timeout ? 23 : 20,
    });
  });

  it('hears of it by `throwIfCancelled`', async () => {
    const source = new CancellationSource();
    const thread = new Thread('throw', shareToken(source.token).cell);
    await thread.hear();
    source.cancel('SHUTDOWN');
    expect(await thread.hear()).toEqual({ same: true, reason: 'SHUTDOWN' });
  });

  it('hears of it at a checkpoint, and its task has stopped', async () => {
    const source = new CancellationSource();
    const thread = new Thread('checkpoint', shareToken(source.token).cell);
    await thread.hear();
    source.cancel('PEER_CLOSED');
    expect(await thread.hear()).toEqual({ kind: 'stopped', reason: 'PEER_CLOSED' });
  });

  it('hears of it by a descendant of the token', async () => {
    const source = new CancellationSource();
    const thread = new Thread('child', shareToken(source.token).cell);
    await thread.hear();
    source.cancel();
    expect(await thread.hear()).toEqual({ reason: 'CANCELLED', same: true });
  });

  it('hears of a deadline that passes on the clock of the thread that shared the token', async () => {
    using clock = fakeClock();
    const source = new CancellationSource({ timeout: 3_600_000 });
    const thread = new Thread('poll', shareToken(source.token).cell);
    await thread.hear();
    clock.advance(3_600_000);
    expect(await thread.hear()).toMatchObject({ reason: 'TIMEOUT' });
  });

  it('is one of several that all see the same cell', async () => {
    const source = new CancellationSource();
    const { cell } = shareToken(source.token);
    const threads = [1, 2, 3].map(() => new Thread('poll', cell));
    for (const thread of threads) await thread.hear();
    source.cancel('SHUTDOWN');
    for (const thread of threads) expect(await thread.hear()).toMatchObject({ reason: 'SHUTDOWN' });
  });
});

describe('a thread whose event loop turns', () => {
  it('runs its callbacks, and its signal is aborted', async () => {
    const source = new CancellationSource();
    const thread = new Thread('callback', shareToken(source.token).cell);
    await thread.hear();
    source.cancel('PEER_CLOSED');
    expect(await thread.hear()).toEqual({ reason: 'PEER_CLOSED', signal: true });
  });

  it('S2-07: stops a fetch by the signal', async () => {
    const source = new CancellationSource();
    const thread = new Thread('fetch', shareToken(source.token).cell);
    expect(await thread.hear()).toBe('asked');
    source.cancel('TIMEOUT');
    expect(await thread.hear()).toEqual({ same: true, reason: 'TIMEOUT' });
  });

  it('hears once, however often it has begun to listen and left', async () => {
    const source = new CancellationSource();
    const thread = new Thread('again', shareToken(source.token).cell);
    await thread.hear();
    source.cancel();
    expect(await thread.hear()).toEqual({ reason: 'CANCELLED' });
  });

  it('ends by itself when only the cell would keep it', async () => {
    const thread = new Thread('leave', shareToken(new CancellationSource().token).cell);
    expect(await thread.hear()).toBe('leaving');
    expect(await thread.exit).toBe(0);
  });

  it('can be ended while it waits', async () => {
    const source = new CancellationSource();
    const thread = new Thread('stay', shareToken(source.token).cell);
    await thread.hear();
    await thread.worker.terminate();
    expect(source.cancel()).toBe(true);
  });

  it('keeps a token that was closed as it was', async () => {
    const source = new CancellationSource();
    const shared = shareToken(source.token);
    const thread = new Thread('closed', shared.cell);
    await thread.hear();
    shared.close();
    source.cancel();
    thread.worker.postMessage('go on');
    expect(await thread.hear()).toEqual({ cancelled: false });
  });

  it('may be the one that shares', async () => {
    const thread = new Thread('share');
    const token = tokenFromCell((await thread.hear()) as SharedArrayBuffer);
    const heard = new Promise((resolve) => token.onCancel(({ reason }) => resolve(reason)));
    expect(token.cancelled).toBe(false);
    thread.worker.postMessage('cancel');
    expect(await heard).toBe('SHUTDOWN');
  });
});

describe('a cell', () => {
  it('of a token that is cancelled already says so', () => {
    const { cell } = shareToken(CancellationToken.cancelled('SHUTDOWN'));
    expect(tokenFromCell(cell).reason).toBe('SHUTDOWN');
  });

  it('tells the time that is left, counted from the reading on', async () => {
    const source = new CancellationSource({ timeout: 3_600_000 });
    const thread = new Thread('budget', shareToken(source.token).cell);
    const { left, cancelled } = (await thread.hear()) as { left: number; cancelled: boolean };
    expect(left).toBeGreaterThan(3_000_000);
    expect(left).toBeLessThanOrEqual(3_600_000);
    expect(cancelled).toBe(false);
  });

  it('whose deadline was put off since is cancelled at the later one, by the thread that shared it', () => {
    using clock = fakeClock();
    const source = new CancellationSource({ timeout: 50 });
    const token = tokenFromCell(shareToken(source.token).cell);
    token.onCancel(() => undefined);
    source.cancelAfter(10_000);
    clock.advance(49);
    expect([token.remaining(), token.cancelled]).toEqual([1, false]);
    clock.advance(9_950);
    expect([token.remaining(), token.cancelled]).toEqual([0, false]);
    clock.advance(1);
    expect(token.reason).toBe('TIMEOUT');
  });

  it.each(['shared', 'source'])(
    'is not cancelled at its deadline once the %s is closed, and holds no timer',
    (closed) => {
      using clock = fakeClock();
      const source = new CancellationSource({ timeout: 50 });
      const shared = shareToken(source.token);
      const alarms = pendingAlarms();
      const token = tokenFromCell(shared.cell);
      const reasons: unknown[] = [];
      token.onCancel(({ reason }) => reasons.push(reason));
      expect(pendingAlarms()).toBe(alarms);
      (closed === 'shared' ? shared : source).close();
      clock.advance(49);
      expect(token.remaining()).toBe(1);
      clock.advance(1);
      expect([reasons, token.cancelled]).toEqual([[], false]);
      source.close();
    },
  );

  it('gives its deadline to a child, which keeps it without the thread that shared the token', () => {
    using clock = fakeClock();
    const source = new CancellationSource({ timeout: 50 });
    const token = tokenFromCell(shareToken(source.token).cell);
    const child = token.child({ deadline: token.deadline });
    source.close();
    clock.advance(50);
    expect([child.token.reason, token.reason]).toEqual(['TIMEOUT', undefined]);
  });

  it('without a deadline has none', () => {
    expect(tokenFromCell(shareToken(new CancellationSource().token).cell).remaining()).toBe(Number.POSITIVE_INFINITY);
  });

  it('keeps the first reason', () => {
    const source = new CancellationSource();
    const shared = shareToken(source.token);
    source.cancel('TIMEOUT');
    shared.close();
    const token = tokenFromCell(shared.cell);
    expect([token.reason, token.error]).toEqual(['TIMEOUT', token.error]);
  });

  it('takes an AbortSignal for a token', () => {
    const controller = new AbortController();
    const { cell } = shareToken(controller.signal);
    controller.abort();
    expect(tokenFromCell(cell).reason).toBe('CANCELLED');
  });

  it('is let go of by the token once closed, by `using` too, however often', () => {
    const source = new CancellationSource();
    {
      using shared = shareToken(source.token);
      expect(snapshot(source.token).callbacks).toBe(1);
      expect(shared.cell.byteLength).toBe(16);
    }
    const shared = shareToken(source.token);
    shared.close();
    shared.close();
    expect(snapshot(source.token).callbacks).toBe(0);
  });
});

describe('what another thread holds for a cell', () => {
  it.each([true, false])('goes when the cell is closed: %s', async (closed) => {
    const shared = shareToken(new CancellationSource().token);
    let token: CancellationToken | undefined = tokenFromCell(shared.cell);
    token.onCancel(() => undefined);
    const held = new WeakRef(token);
    token = undefined;
    if (closed) shared.close();
    await collect();
    expect(held.deref() === undefined).toBe(closed);
  });
});

describe('bad input', () => {
  it.each([undefined, null, 1, {}, new ArrayBuffer(16), new Int32Array(4)])('%o is no cell', (cell) => {
    expect(() => tokenFromCell(cell as SharedArrayBuffer)).toThrow(
      /^Expected `cell` to be a cell made by `shareToken`/,
    );
  });

  it('other shared memory is no cell', () => {
    for (const bytes of [0, 4, 16, 64])
      expect(() => tokenFromCell(new SharedArrayBuffer(bytes))).toThrow(/^Expected `cell` to be a cell made by/);
  });

  it('what is no token is not shared', () => {
    expect(() => shareToken({} as CancellationToken)).toThrow(/^Expected `token` to be a CancellationToken/);
  });

  it('a page without shared memory is told what it lacks', () => {
    const { SharedArrayBuffer: had } = globalThis;
    try {
      Reflect.deleteProperty(globalThis, 'SharedArrayBuffer');
      expect(() => shareToken(CancellationToken.none)).toThrow(/cross-origin isolated/);
      expect(() => tokenFromCell(new had(16))).toThrow(/^Expected `cell`/);
    } finally {
      globalThis.SharedArrayBuffer = had;
    }
  });
});
