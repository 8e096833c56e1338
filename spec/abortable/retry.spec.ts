import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import * as acx from 'abort-controller-x';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { proactiveRetry, retry } from '../../lib/abortable/index.ts';
import {
  CancellationError,
  CancellationSource,
  type CancellationToken,
  reasonOf,
  snapshot,
} from '../../lib/core/index.ts';
import { withTimeout } from '../../lib/task/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';

const fails = () => Promise.reject(new Error('no'));
/** Does the one thing, and then hands out the other. */
const and = <T>(_: unknown, value: T): T => value;
const forever = (token: CancellationToken) => acx.forever(token.signal);

/** Runs a program against the original, and tells what it wrote and how its process ended. */
async function program(text: string): Promise<string> {
  const args = [
    '--no-warnings',
    '--input-type=module',
    '--eval',
    `import * as acx from 'abort-controller-x';\n${text}`,
  ];
  try {
    return (await promisify(execFile)(process.execPath, args)).stdout.trim();
  } catch (error) {
    return `died: ${(error as { stderr: string }).stderr}`;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('retry', () => {
  it('calls until it succeeds', async () => {
    const attempts: number[] = [];
    const running = retry(new CancellationSource().token, async (_, attempt) => {
      attempts.push(attempt);
      return attempt < 2 ? fails() : 'value';
    });
    await vi.advanceTimersByTimeAsync(10_000);
    expect([await running, attempts]).toEqual(['value', [0, 1, 2]]);
  });

  it.each([1, 2, 5])('maxAttempts of %i: the original makes one more, this one so many', async (maxAttempts) => {
    const calls = { original: 0, ours: 0 };
    const options = { maxAttempts, baseMs: 1 };
    const original = acx.retry(new AbortController().signal, () => and(calls.original++, fails()), options);
    const ours = retry(new CancellationSource().token, () => and(calls.ours++, fails()), options);
    const rejected = Promise.all([expect(original).rejects.toThrow('no'), expect(ours).rejects.toThrow('no')]);
    await vi.advanceTimersByTimeAsync(1000);
    await rejected;
    expect(calls).toEqual({ original: maxAttempts + 1, ours: maxAttempts });
  });

  it('a delay beyond 2^31 - 1 ms: the original retries at once, this one after the longest there is', async () => {
    const calls = { original: 0, ours: 0 };
    const options = { baseMs: 2 ** 33, maxDelayMs: 2 ** 33 };
    const controller = new AbortController();
    const source = new CancellationSource();
    const original = acx.retry(controller.signal, () => and(calls.original++, fails()), options).catch(() => undefined);
    const ours = retry(source.token, () => and(calls.ours++, fails()), options).catch(() => undefined);
    await vi.advanceTimersByTimeAsync(10);
    expect(calls).toEqual({ original: 11, ours: 1 });
    controller.abort();
    source.cancel();
    await Promise.all([original, ours]);
  });

  it('a timeout of the token: to the original it is one more failure, this one ends with it', async () => {
    const seen: string[] = [];
    const onError = (name: string) => () => void seen.push(name);
    const controller = new AbortController();
    const original = acx.retry(controller.signal, (signal) => acx.forever(signal), { onError: onError('original') });
    const source = new CancellationSource();
    const ours = retry(source.token, forever, { onError: onError('ours') });
    controller.abort(new DOMException('too late', 'TimeoutError'));
    source.cancel('TIMEOUT');
    await expect(original).rejects.toThrow('too late');
    await expect(ours).rejects.toBe(source.token.error);
    expect(seen).toEqual(['original']);
  });

  it('the reason of a foreign signal is a stop, too', async () => {
    const controller = new AbortController();
    const onError = () => expect.unreachable();
    const running = retry(controller.signal, forever, { onError });
    controller.abort(new Error('theirs'));
    await expect(running).rejects.toMatchObject({ reason: 'CANCELLED', cause: { message: 'theirs' } });
  });

  it('a cancel during the delay ends it', async () => {
    const source = new CancellationSource();
    const running = retry(source.token, fails);
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(1);
    source.cancel('SHUTDOWN');
    await expect(running).rejects.toBe(source.token.error);
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('a stop of the function ends it as that stop', async () => {
    const stop = new CancellationError('SHUTDOWN');
    await expect(retry(new CancellationSource().token, () => Promise.reject(stop))).rejects.toBe(stop);
  });

  it("an attempt's own time limit is a failure as any other, and ends it only when it was the last one", async () => {
    using clock = fakeClock();
    using source = new CancellationSource({ timeout: 1_000 });
    const { token } = source;
    const seen: unknown[] = [];
    const attempt = (token: CancellationToken) => withTimeout(20, forever, { token });
    const running = retry(token, attempt, {
      maxAttempts: 3,
      baseMs: 0,
      onError: (error) => void seen.push(reasonOf(error)),
    });
    const rejected = expect(running).rejects.toMatchObject({ name: 'TimeoutError', reason: 'TIMEOUT' });
    for (let i = 0; i < 3; i++) await clock.advanceAsync(20);
    await rejected;
    expect([seen, token.cancelled]).toEqual([['TIMEOUT', 'TIMEOUT'], false]);
  });

  it('a time limit of all attempts ends it, also where an attempt has one', async () => {
    using clock = fakeClock();
    using source = new CancellationSource({ timeout: 20 });
    const { token } = source;
    const attempt = (token: CancellationToken) => withTimeout(20, forever, { token });
    const running = retry(token, attempt, { onError: () => expect.unreachable() });
    const rejected = expect(running).rejects.toSatisfy((error) => error === token.error);
    await clock.advanceAsync(20);
    await rejected;
  });

  it('an error that onError throws ends it, and reset begins anew', async () => {
    const attempts: number[] = [];
    const running = retry(
      new CancellationSource().token,
      (_, attempt, reset) => {
        attempts.push(attempt);
        if (attempts.length === 1) reset();
        return fails();
      },
      {
        onError: () => {
          if (attempts.length === 2) throw new Error('enough');
        },
      },
    );
    await expect(running).rejects.toThrow('enough');
    expect(attempts).toEqual([0, 0]);
  });

  it('refuses bad arguments at the call', () => {
    const { token } = new CancellationSource();
    expect(() => retry(token, undefined as never)).toThrow('`fn`');
    expect(() => retry(7 as never, fails)).toThrow('`token`');
    for (const maxAttempts of [0, -1, 1.5, Number.NaN]) {
      expect(() => retry(token, fails, { maxAttempts })).toThrow(RangeError);
    }
    expect(() => retry(token, fails, { maxAttempts: '3' as never })).toThrow(TypeError);
    expect(() => retry(token, fails, { baseMs: -1 })).toThrow(RangeError);
    expect(() => retry(token, fails, { maxDelayMs: '1' as never })).toThrow(TypeError);
    expect(() => retry(token, fails, { onError: 7 as never })).toThrow('`onError`');
    expect(() => retry(token, fails, 7 as never)).toThrow('`options`');
  });
});

describe('proactiveRetry', () => {
  it('begins a second attempt while the first still runs, and yields the first value', async () => {
    const stopped: number[] = [];
    const running = proactiveRetry(new CancellationSource().token, (token, attempt) =>
      attempt === 0 ? forever(token).finally(() => stopped.push(attempt)) : Promise.resolve(attempt),
    );
    await vi.advanceTimersByTimeAsync(1000);
    expect([await running, stopped]).toEqual([1, [0]]);
  });

  it('does not end before the attempts that lost, whereas the original does; and does not tell of their failures', async () => {
    const seen: string[] = [];
    let release!: () => void;
    const slow = new Promise<never>((_, reject) => {
      release = () => reject(new Error('late'));
    });
    const attempt = (_: unknown, n: number) => (n === 0 ? slow : Promise.resolve(n));
    const original = acx
      .proactiveRetry(new AbortController().signal, attempt, { onError: () => seen.push('original told') })
      .then(() => seen.push('original ends'));
    const ours = proactiveRetry(new CancellationSource().token, attempt, {
      onError: () => void seen.push('told'),
    }).then(() => seen.push('ours ends'));
    await vi.advanceTimersByTimeAsync(1000);
    expect(seen).toEqual(['original ends']);
    release();
    await Promise.all([original, ours]);
    expect(seen).toEqual(['original ends', 'original told', 'ours ends']);
  });

  it('a function that throws at once: the original dies of it, to this one it is a failure', async () => {
    const died = await program(`
      acx.proactiveRetry(new AbortController().signal, () => { throw new Error('at once') }, { maxAttempts: 1 })
        .then(() => {}, () => console.log('rejected'));`);
    expect(died).toContain('at once');
    const throws = (): never => {
      throw new Error('at once');
    };
    await expect(proactiveRetry(new CancellationSource().token, throws, { maxAttempts: 1 })).rejects.toThrow('at once');
  });

  it('a timeout of the token: the original leaves a rejection that nobody handles, this one rejects', async () => {
    const died = await program(`
      const c = new AbortController();
      acx.proactiveRetry(c.signal, (s) => acx.forever(s)).catch(() => console.log('rejected'));
      c.abort(new DOMException('too late', 'TimeoutError'));`);
    expect(died).toContain('too late');
    const source = new CancellationSource();
    const running = proactiveRetry(source.token, forever, { onError: () => expect.unreachable() });
    source.cancel('TIMEOUT');
    await expect(running).rejects.toBe(source.token.error);
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
  });

  it('an abort inside the first attempt: the original waits for ever, this one ends', async () => {
    const controller = new AbortController();
    let settled = false;
    const settle = () => {
      settled = true;
    };
    acx
      .proactiveRetry(controller.signal, (signal) => and(controller.abort(), acx.forever(signal)), { maxAttempts: 1 })
      .then(settle, settle);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(settled).toBe(false);
    const source = new CancellationSource();
    const ours = proactiveRetry(source.token, (token) => and(source.cancel(), forever(token)));
    await expect(ours).rejects.toBe(source.token.error);
  });

  it("tells of an attempt's own time limit, and of no other stop", async () => {
    const seen: unknown[] = [];
    const stops = [new CancellationError('TIMEOUT'), new CancellationError('SHUTDOWN')];
    const running = proactiveRetry(
      new CancellationSource().token,
      async (_, attempt) => {
        if (attempt < 2) throw stops[attempt];
        return 'value';
      },
      { baseMs: 0, onError: (error) => void seen.push(error) },
    );
    await vi.advanceTimersByTimeAsync(10);
    expect([await running, seen]).toEqual(['value', [stops[0]]]);
  });

  it('a delay beyond 2^31 - 1 ms: the original begins all attempts at once, this one no more', async () => {
    const calls = { original: 0, ours: 0 };
    const options = { baseMs: 2 ** 33, maxAttempts: 5 };
    const controller = new AbortController();
    const source = new CancellationSource();
    const original = acx
      .proactiveRetry(controller.signal, (signal) => and(calls.original++, acx.forever(signal)), options)
      .catch(() => undefined);
    const ours = proactiveRetry(source.token, (token) => and(calls.ours++, forever(token)), options).catch(
      () => undefined,
    );
    await vi.advanceTimersByTimeAsync(10);
    expect(calls.ours).toBe(1);
    expect(calls.original).toBeGreaterThan(1);
    controller.abort();
    source.cancel();
    await Promise.all([original, ours]);
  });

  it('makes as many attempts as it may, and rejects with the last error', async () => {
    let calls = 0;
    const told: unknown[] = [];
    const running = proactiveRetry(new CancellationSource().token, () => Promise.reject(new Error(`no ${++calls}`)), {
      maxAttempts: 3,
      onError: (error) => void told.push(error),
    });
    const rejected = expect(running).rejects.toThrow('no 3');
    await vi.advanceTimersByTimeAsync(10_000);
    await rejected;
    expect([calls, told]).toEqual([3, [new Error('no 1'), new Error('no 2')]]);
  });

  it('refuses bad arguments at the call', () => {
    const { token } = new CancellationSource();
    expect(() => proactiveRetry(token, 7 as never)).toThrow('`fn`');
    expect(() => proactiveRetry(7 as never, fails)).toThrow('`token`');
    expect(() => proactiveRetry(token, fails, { maxAttempts: 0 })).toThrow(RangeError);
    expect(() => proactiveRetry(token, fails, { baseMs: Number.NaN })).toThrow(RangeError);
  });
});
