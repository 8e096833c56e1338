import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type PoolOptions, pooled, runPooled } from '../../lib/adapters/piscina.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, snapshot } from '../../lib/core/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { turning } from '../support/turning.ts';

const filename = fileURLToPath(new URL('support/jobs.mjs', import.meta.url));
const late = fileURLToPath(new URL('support/late-jobs.mjs', import.meta.url));

const pools: Piscina[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.destroy();
});

function poolOf(options: object = {}): Piscina {
  const pool = new Piscina({ filename, minThreads: 1, maxThreads: 1, ...options });
  pools.push(pool);
  return pool;
}

/** A job that says when it has begun. */
function begin(
  pool: Piscina,
  way: string,
  options: PoolOptions,
): { ended: Promise<unknown>; begun: Promise<unknown>; port: MessagePort } {
  const { port1, port2 } = new MessageChannel();
  const begun = once(port1, 'message');
  const ended = runPooled(pool, { way, port: port2 }, { ...options, transferList: [port2] });
  void ended.catch(() => {}).finally(() => port1.close());
  return { begun, ended, port: port1 };
}

describe('runPooled', () => {
  it('runs a job, whose token is the current one there', async () => {
    const { token } = new CancellationSource();
    expect(await runPooled(poolOf(), { way: 'echo', value: 1 }, { token })).toEqual({
      value: 1,
      current: true,
      can: true,
    });
    expect(snapshot(token).callbacks).toBe(0);
  });

  it('stops a job that keeps its thread busy, which takes the next one', async () => {
    const pool = poolOf();
    const source = new CancellationSource();
    const { begun, ended } = begin(pool, 'busy', { token: source.token });
    await begun;
    const [thread] = pool.threads;
    source.cancel('PEER_CLOSED');
    await expect(ended).rejects.toBe(source.token.error);
    expect(await runPooled(pool, { way: 'echo', value: 2 })).toMatchObject({ value: 2 });
    expect(pool.threads).toEqual([thread]);
  });

  it('stops a job that waits', async () => {
    const source = new CancellationSource({ timeout: 60_000 });
    const { begun, ended } = begin(poolOf(), 'waits', { token: source.token });
    await begun;
    source.cancel('TIMEOUT');
    await expect(ended).rejects.toBe(source.token.error);
  });

  it('keeps a value that the job yields in spite of the cancel', async () => {
    const source = new CancellationSource();
    const { begun, ended } = begin(poolOf(), 'kept', { token: source.token });
    await begun;
    source.cancel('SHUTDOWN');
    expect(await ended).toBe('SHUTDOWN');
  });

  it.each([1, 2])(
    'never begins a job that is cancelled while it waits for its turn; jobs to a thread: %i',
    async (jobs) => {
      // Where a thread runs several jobs, Piscina would have it sleep between messages, unless told not to.
      const pool = poolOf({ concurrentTasksPerWorker: jobs, atomics: jobs > 1 ? 'disabled' : 'sync' });
      const running = Array.from({ length: jobs }, () => begin(pool, 'gate', {}));
      for (const { begun } of running) await begun;
      const source = new CancellationSource();
      const refused = begin(pool, 'gate', { token: source.token });
      let hasBegun = false;
      void refused.begun.then(() => {
        hasBegun = true;
      });
      const [thread] = pool.threads;
      source.cancel('PEER_CLOSED');
      await expect(refused.ended).rejects.toBe(source.token.error);
      for (const { port } of running) port.postMessage('done');
      for (const { ended } of running) expect(await ended).toBe('done');
      await runPooled(pool, { way: 'echo' });
      expect([hasBegun, pool.threads[0] === thread]).toEqual([false, true]);
    },
  );

  it('terminates the thread of a job that does not end within the grace, and the pool goes on', async () => {
    using clock = fakeClock();
    const pool = poolOf();
    const source = new CancellationSource();
    const { begun, ended } = begin(pool, 'stubborn', { token: source.token, graceMs: 1_000 });
    await begun;
    const [thread] = pool.threads;
    const gone = once(thread!, 'exit');
    source.cancel();
    clock.advance(999);
    expect(pool.threads).toEqual([thread]);
    clock.advance(1);
    await expect(ended).rejects.toBe(source.token.error);
    await gone;
    expect(await runPooled(pool, { way: 'echo', value: 3 })).toMatchObject({ value: 3 });
  });

  it('leaves alone the thread that still loads the file of a job which is cancelled, and the job never begins', async () => {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const pool = poolOf({ workerData: { gate } });
    await runPooled(pool, { way: 'echo' });
    const [thread] = pool.threads;
    const source = new CancellationSource();
    const { begun, ended } = begin(pool, 'gate', { token: source.token, filename: late });
    const hasBegun = vi.fn();
    void begun.then(hasBegun);
    source.cancel('PEER_CLOSED');
    await expect(ended).rejects.toBe(source.token.error);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
    expect(await runPooled(pool, { way: 'echo', value: 5 })).toMatchObject({ value: 5 });
    expect(pool.threads[0]).toBe(thread);
    expect(hasBegun).not.toHaveBeenCalled();
  });

  it('terminates one that still loads it after the grace', async () => {
    using clock = fakeClock();
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const pool = poolOf({ workerData: { gate } });
    await runPooled(pool, { way: 'echo' });
    const gone = once(pool.threads[0]!, 'exit');
    const source = new CancellationSource();
    const ended = runPooled(pool, { way: 'echo' }, { token: source.token, filename: late, graceMs: 1_000 });
    source.cancel();
    await expect(ended).rejects.toBe(source.token.error);
    clock.advance(1_000);
    await gone;
  });

  it('passes an error on, and lets go of the token', async () => {
    const { token } = new CancellationSource();
    await expect(runPooled(poolOf(), { way: 'fails' }, { token })).rejects.toThrow('out of range');
    expect(snapshot(token).callbacks).toBe(0);
  });

  it('lets go of the token of a job that cannot be cloned', async () => {
    const { token } = new CancellationSource();
    await expect(runPooled(poolOf(), () => {}, { token })).rejects.toThrow('could not be cloned');
    expect(snapshot(token).callbacks).toBe(0);
  });

  it('takes the current token; starts nothing under one that is cancelled', async () => {
    const token = CancellationToken.cancelled('SHUTDOWN');
    const pool = poolOf();
    await expect(runWithToken(token, () => runPooled(pool, { way: 'echo' }))).rejects.toBe(token.error);
    expect(pool.completed).toBe(0);
  });

  it('begins nothing under a token that is cancelled while it is looked at', async () => {
    const source = new CancellationSource();
    const answer = runPooled(poolOf(), { way: 'echo' }, { token: turning(source) });
    await expect(answer).rejects.toBe(source.token.error);
  });

  it.each<[object, PoolOptions, RegExp]>([
    [{}, { token: {} as CancellationToken }, /^Expected `token`/],
    [{}, { graceMs: -1 }, /^Expected `graceMs` to be a number of milliseconds, 0 or more, got -1/],
    [{}, { graceMs: '1' as unknown as number }, /^Expected `graceMs`/],
    [
      { concurrentTasksPerWorker: 2 },
      { graceMs: 1 },
      /^Expected `graceMs` to be Infinity, as a thread of this pool runs/,
    ],
  ])('in a pool of %o, %o is refused', async (pool, options, message) => {
    await expect(runPooled(poolOf(pool), {}, options)).rejects.toThrow(message);
  });
});

it('what is no pool, and no options, are refused', async () => {
  await expect(runPooled(undefined as never, {})).rejects.toThrow('Expected `pool` to be a Piscina, got undefined.');
  await expect(runPooled({} as never, {})).rejects.toThrow('Expected `pool`');
  await expect(runPooled(poolOf(), {}, null as never)).rejects.toThrow('Expected `options` to be an object, got null.');
});

describe('pooled', () => {
  it('gives a job that the pool runs by itself a token that is never cancelled', async () => {
    expect(await poolOf().run({ way: 'echo', value: 4 })).toEqual({ value: 4, current: true, can: false });
  });

  it('is needed: without it, the function gets the job and its cell', async () => {
    expect(await runPooled(poolOf(), {}, { name: 'plain' })).toEqual(['nevermind', 'taken', 'cell', 'data']);
  });

  it('takes a function', () => {
    expect(() => pooled(1 as never)).toThrow(/^Expected `fn` to be a function of the data and a token, got 1/);
  });
});
