import { readFile } from 'node:fs';
import { readFile as readFileAsync } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CancellationSource, type CancellationToken, snapshot } from '../../lib/core/index.ts';
import { cancellable, type Outcome, run } from '../../lib/task/index.ts';
import { bench, stopped, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

const here = fileURLToPath(import.meta.url);

describe('cancellable, of an async function that takes a signal', () => {
  const on = bench();
  const wait = cancellable(
    (ms: number, value: string, options?: { signal?: AbortSignal; ref?: boolean }) => delay(ms, value, options),
    { signalIn: 2 },
  );

  it('hands it the signal beside its other options, and yields its value', async () => {
    const seen: unknown[] = [];
    const fn = cancellable(async (name: string, options?: object) => seen.push(name, options), { signalIn: 1 });
    await fn(on.root.token, 'a', { depth: 2 });
    await fn(on.root.token, 'b');
    expect(seen).toEqual([
      'a',
      { depth: 2, signal: expect.any(AbortSignal) },
      'b',
      { signal: expect.any(AbortSignal) },
    ]);
    const read = cancellable((path: string, options?: { encoding: 'utf8' }) => readFileAsync(path, options), {
      signalIn: 1,
    });
    expect(await read(on.root.token, here, { encoding: 'utf8' })).toContain('cancellable');
  });

  it("a cancel ends it by its signal, and its AbortError becomes the token's error", async () => {
    const running = wait(on.root.token, 1e6, 'never');
    on.root.cancel('SHUTDOWN');
    await expect(running).rejects.toBe(on.root.token.error);
  });

  it('an AbortError that says nothing of its origin is the stop too, once the token is cancelled; before, it is an error', async () => {
    const abort = gate();
    const fn = cancellable((_: object) => abort.opened, { signalIn: 0 });
    const [before, after] = [fn(on.root.token, {}), gate()];
    abort.fail(new DOMException('theirs', 'AbortError'));
    await expect(before).rejects.toThrow('theirs');
    const running = cancellable((_: object) => after.opened, { signalIn: 0 })(on.root.token, {});
    on.root.cancel();
    after.fail(new DOMException('theirs', 'AbortError'));
    await expect(running).rejects.toBe(on.root.token.error);
  });

  it('is waited for, unless the grace says how long', async () => {
    const late: Outcome<string>[] = [];
    const deaf = gate<string>();
    const options = { signalIn: 0, onLate: (outcome: Outcome<string>) => late.push(outcome) };
    const patient = cancellable((_: object) => deaf.opened, options)(on.root.token, {});
    const brief = cancellable((_: object) => deaf.opened, { ...options, graceMs: 10 })(on.root.token, {});
    const given = expect(brief).rejects.toMatchObject({ cause: { errors: [{ name: 'AbandonedError' }] } });
    const state = watch(patient);
    on.root.cancel();
    await on.clock.advanceAsync(10);
    await given;
    expect(state.done).toBe(false);
    deaf.open('late');
    expect(await patient).toBe('late');
    expect(late).toEqual([{ kind: 'value', value: 'late' }]);
  });

  it('a signal that the caller gave counts as well, and keeps no listener', async () => {
    const theirs = new AbortController();
    const running = wait(on.root.token, 1e6, 'never', { signal: theirs.signal });
    theirs.abort(new Error('theirs'));
    await expect(running).rejects.toMatchObject({ reason: 'CANCELLED', cause: { message: 'theirs' } });
    expect(on.root.token.cancelled).toBe(false);
    await expect(wait(on.root.token, 1e6, 'never', { signal: theirs.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it('leaves nothing on a token that lives on', async () => {
    const graceful = cancellable(async () => 1, { graceMs: 10 });
    for (let i = 0; i < 100; i++) await Promise.all([wait(on.root.token, 0, 'value'), graceful(on.root.token)]);
    expect(snapshot(on.root.token)).toMatchObject({ callbacks: 0, children: [], signal: false });
  });

  it('refuses an argument that is no options object', () => {
    expect(() => wait(on.root.token, 0, 'x', 5 as never)).toThrow('`argument 2`');
    expect(() => wait(on.root.token, 0, 'x', { signal: 'no' as never })).toThrow(TypeError);
  });
});

describe('cancellable, of an async function that takes none', () => {
  const on = bench();

  it('E18, S3-35: begins nothing under a cancelled token', async () => {
    on.root.cancel();
    const fn = cancellable(async () => expect.unreachable(), { onLate: () => expect.unreachable() });
    await expect(fn(on.root.token)).rejects.toBe(on.root.token.error);
  });

  it('S2-09, S2-11: the caller gets the stop at once, the work goes on, and the second request hits the cache', async () => {
    const cache = new Map<string, string>();
    const response = gate<string>();
    let requests = 0;
    const fetchText = cancellable(
      (_: string) => {
        requests++;
        return response.opened;
      },
      { onLate: (outcome) => outcome.kind === 'value' && cache.set('url', outcome.value) },
    );
    const get = (token: CancellationToken, url: string) => Promise.resolve(cache.get(url) ?? fetchText(token, url));
    const first = get(on.root.token, 'url');
    on.root.cancel();
    await expect(first).rejects.toBe(on.root.token.error);
    response.open('parsed');
    await on.rest();
    expect([await get(new CancellationSource().token, 'url'), requests]).toEqual(['parsed', 1]);
  });

  it('S3-35: the caller has the reason, and a late error goes to onLate, or is dropped', async () => {
    const late: unknown[] = [];
    const [one, two] = [gate(), gate()];
    const heard = cancellable(() => one.opened, { onLate: (outcome) => late.push(outcome) })(on.root.token);
    const unheard = cancellable(() => two.opened)(on.root.token);
    on.root.cancel();
    one.fail(new Error('late'));
    two.fail(new Error('late'));
    await expect(heard).rejects.toBe(on.root.token.error);
    await expect(unheard).rejects.toBe(on.root.token.error);
    await on.rest();
    expect(late).toEqual([{ kind: 'error', error: new Error('late') }]);
  });

  it('yields its value or error when it ends in time, also when it throws at once', async () => {
    expect(await cancellable(async (a: number, b: number) => a + b)(on.root.token, 1, 2)).toBe(3);
    const fails = cancellable((): Promise<void> => {
      throw new Error('at once');
    });
    await expect(fails(on.root.token)).rejects.toThrow('at once');
    expect(snapshot(on.root.token).callbacks).toBe(0);
  });

  it('is a stop for the run it is part of', async () => {
    const running = run((token) => cancellable(() => gate().opened)(token), { token: on.root.token });
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
  });
});

describe('cancellable, of a function with a callback', () => {
  const on = bench();

  it('yields the first thing that the callback tells', async () => {
    const read = cancellable(readFile as (path: string, done: (error: unknown, data: Buffer) => void) => void, {
      callback: true,
    });
    expect(String(await read(on.root.token, here))).toContain('cancellable');
    await expect(read(on.root.token, `${here}.missing`)).rejects.toMatchObject({ code: 'ENOENT' });
    const twice = (done: (error: unknown, value: number) => void) => {
      done(null, 1);
      done(new Error('again'), 2);
    };
    expect(await cancellable(twice, { callback: true })(on.root.token)).toBe(1);
  });

  it('a cancel calls its `cancel`, once, with what the function returned, and the caller gets the stop', async () => {
    const cancelled: unknown[] = [];
    const query = (_: string, __: (error: unknown, rows: string[]) => void) => 'handle';
    const ask = cancellable(query, { callback: true, cancel: (handle) => cancelled.push(handle) });
    const running = ask(on.root.token, 'select');
    on.root.cancel();
    await expect(running).rejects.toBe(on.root.token.error);
    expect(cancelled).toEqual(['handle']);
  });

  it('a cancel that comes while the function is called is told once there is something to cancel', async () => {
    const cancelled: unknown[] = [];
    const query = (_: (error: unknown, value: string) => void) => {
      on.root.cancel();
      return 'handle';
    };
    const running = cancellable(query, { callback: true, cancel: (handle) => cancelled.push(handle) })(on.root.token);
    await expect(running).rejects.toBe(on.root.token.error);
    expect(cancelled).toEqual(['handle']);
  });

  it('what has told already is not cancelled', async () => {
    const ask = cancellable((done: (error: unknown, value: number) => void) => done(null, 1), {
      callback: true,
      cancel: () => expect.unreachable(),
    });
    expect(await ask(on.root.token)).toBe(1);
    on.root.cancel();
  });

  it('S4-49: a mutex: a stop removes the waiter, and a later unlock does not go to it', async () => {
    type Waiter = (error: unknown, value: string) => void;
    const waiters: Waiter[] = [];
    const lock = cancellable(
      (done: Waiter) => {
        waiters.push(done);
        return done;
      },
      { callback: true, cancel: (waiter) => waiters.splice(waiters.indexOf(waiter as Waiter), 1) },
    );
    const other = new CancellationSource();
    const [first, second] = [lock(on.root.token), lock(other.token)];
    on.root.cancel();
    expect(waiters).toHaveLength(1);
    waiters.shift()?.(null, 'locked');
    await expect(first).rejects.toBe(on.root.token.error);
    expect(await second).toBe('locked');
  });
});

describe('cancellable, of a promise', () => {
  const on = bench();

  it('S2-02: only the wait for it ends', async () => {
    const shared = gate<string>();
    const wait = cancellable(shared.opened);
    const other = new CancellationSource();
    const [first, second] = [wait(on.root.token), wait(other.token)];
    on.root.cancel();
    await expect(first).rejects.toBe(on.root.token.error);
    shared.open('value');
    expect(await second).toBe('value');
  });

  it('under a cancelled token its failure goes unhandled nowhere', async () => {
    on.root.cancel();
    const failing = gate();
    const waiting = cancellable(failing.opened)(on.root.token);
    failing.fail(new Error('late'));
    await expect(waiting).rejects.toBe(on.root.token.error);
    await on.rest();
  });
});

describe('bad input to cancellable', () => {
  it.each<[string, unknown[], new () => Error]>([
    ['nothing to wrap', [undefined], TypeError],
    ['a value to wrap', [7], TypeError],
    ['options that are none', [async () => 1, 1], TypeError],
    ['a place in words', [async () => 1, { signalIn: 'last' }], TypeError],
    ['a place that is none', [async () => 1, { signalIn: -1 }], RangeError],
    ['half a place', [async () => 1, { signalIn: 0.5 }], RangeError],
    ['a negative grace', [async () => 1, { graceMs: -1 }], RangeError],
    ['a hook that is none', [async () => 1, { onLate: 1 }], TypeError],
    ['a cancel that is none', [() => 1, { callback: true, cancel: 1 }], TypeError],
  ])('%s is refused when it is wrapped', (_, args, kind) => {
    expect(() => cancellable(...(args as [() => Promise<void>]))).toThrow(kind);
  });

  it('a token that is none is refused at the call, before anything begins', () => {
    expect(() => cancellable(async () => expect.unreachable())(undefined as never)).toThrow('`token`');
  });
});
