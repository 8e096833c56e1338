import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { type EndingWorker, startWorker, type ThreadOptions, workerToken } from '../../lib/adapters/worker-threads.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, snapshot } from '../../lib/core/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';

const FILE = new URL('support/thread.mjs', import.meta.url);

const workers: Worker[] = [];
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.terminate();
});

function start(way: string, options: ThreadOptions, inner?: string): EndingWorker {
  const worker = startWorker(FILE, { workerData: { way, inner }, ...options });
  workers.push(worker);
  return worker;
}

async function message(worker: Worker): Promise<unknown> {
  return ((await once(worker, 'message')) as unknown[])[0];
}

describe('startWorker', () => {
  it('tells a busy worker, which ends by itself', async () => {
    const source = new CancellationSource();
    const worker = start('busy', { token: source.token });
    expect(await message(worker)).toBe('ready');
    source.cancel('PEER_CLOSED');
    expect(await message(worker)).toBe('PEER_CLOSED');
    expect(await worker.ended).toEqual({ kind: 'value', value: 0 });
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('takes the error that the token throws in there for the stop', async () => {
    const source = new CancellationSource();
    const worker = start('throws', { token: source.token });
    await message(worker);
    source.cancel('SHUTDOWN');
    expect(await worker.ended).toEqual({ kind: 'stopped', error: source.token.error });
  });

  it('tells of the error of a worker that has survived the stop', async () => {
    const source = new CancellationSource();
    const worker = start('survives', { token: source.token });
    await message(worker);
    source.cancel();
    expect(await worker.ended).toMatchObject({ kind: 'error', error: { message: 'out of range' } });
  });

  it('takes the stop of a thread of the worker, which it dies of, for its own', async () => {
    const source = new CancellationSource();
    const worker = start('nested', { token: source.token }, 'throws');
    await message(worker);
    source.cancel();
    expect(await worker.ended).toEqual({ kind: 'stopped', error: source.token.error });
  });

  it('terminates a worker that does not end within the grace, and not sooner', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const worker = start('stubborn', { token: source.token, graceMs: 1_000 });
    await message(worker);
    source.cancel();
    let ended = false;
    void worker.ended.then(() => {
      ended = true;
    });
    clock.advance(999);
    await new Promise((resolve) => setImmediate(resolve));
    expect(ended).toBe(false);
    clock.advance(1);
    expect(await worker.ended).toEqual({ kind: 'stopped', error: source.token.error });
  });

  it('tells of an error, and of a code', async () => {
    const { token } = new CancellationSource();
    expect(await start('fails', { token }).ended).toMatchObject({ kind: 'error', error: { message: 'out of range' } });
    expect(await start('code', { token }).ended).toEqual({ kind: 'value', value: 7 });
    expect(snapshot(token).callbacks).toBe(0);
  });

  it.each(['nested', 'child'])('reaches what the worker has started in turn: %s', async (way) => {
    const source = new CancellationSource();
    const worker = start(way, { token: source.token }, 'busy');
    expect(await message(worker)).toBe('ready');
    source.cancel('TIMEOUT');
    expect(await message(worker)).toBe('TIMEOUT');
  });

  it('takes the current token', async () => {
    const source = new CancellationSource();
    const worker = runWithToken(source.token, () => start('busy', {}));
    await message(worker);
    source.cancel();
    expect(await message(worker)).toBe('CANCELLED');
  });

  it('leaves nothing on the token where there is nothing to start', () => {
    const { token } = new CancellationSource();
    expect(() => startWorker('no path', { token })).toThrow('absolute path');
    expect(snapshot(token).callbacks).toBe(0);
  });

  it('starts nothing under a token that is cancelled', () => {
    const token = CancellationToken.cancelled();
    expect(() => startWorker(FILE, { token })).toThrow(token.error);
  });
});

describe('workerToken', () => {
  it('is none in the main thread, and in a worker that was started otherwise', async () => {
    expect(workerToken()).toBe(CancellationToken.none);
    start('stubborn', { token: new CancellationSource().token });
    const worker = new Worker(FILE, { workerData: { way: 'none' } });
    expect(await message(worker)).toEqual({ none: true, same: true });
  });
});

it.each<[object, RegExp]>([
  [{ token: {} }, /^Expected `token`/],
  [{ graceMs: -1 }, /^Expected `graceMs` to be a number of milliseconds, 0 or more, got -1/],
  [{ graceMs: '1' }, /^Expected `graceMs`/],
  [null as never, /^Expected `options` to be an object, got null/],
])('%o is refused before anything is started', (options, message) => {
  expect(() => startWorker(FILE, options)).toThrow(message);
});
