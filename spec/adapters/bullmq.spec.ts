import { once } from 'node:events';
import { type Job, type Processor, Queue, Worker, type WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type JobsOptions, serveJobs } from '../../lib/adapters/bullmq.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, currentToken, snapshot } from '../../lib/core/index.ts';
import { suspendForever } from '../../lib/task/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { type Gate, gate, Inbox } from '../server/support/gate.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { scale } from '../support/soak.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

let queues = 0;
let queue: Queue;
let connection: Redis;
beforeEach(() => {
  connection = new Redis(redis.path, { maxRetriesPerRequest: null });
  queue = new Queue(`queue-${++queues}`, { connection });
  ends.push(async () => {
    await queue.close();
    connection.disconnect();
  });
});

type Handler = (job: Job, token: CancellationToken) => unknown;

/** A worker for the queue of the test, and those who come to its handler. */
function working(handler: Handler, options: JobsOptions & Partial<WorkerOptions> = {}) {
  const { token, timeoutMs, ...rest } = options;
  const errors: Error[] = [];
  const jobs = serveJobs<unknown, unknown>(
    handler,
    (processor) =>
      new Worker<unknown, unknown>(queue.name, processor, {
        connection: { path: redis.path },
        drainDelay: 1,
        ...rest,
      }).on('error', (error) => errors.push(error)),
    { token, timeoutMs },
  );
  ends.push(() => jobs.drain({ graceMs: 0, timeoutMs: 0 }));
  return { jobs, worker: jobs.worker, errors };
}

/** A handler that waits, and shows its tokens. */
function waiter() {
  const tokens = new Inbox<CancellationToken>();
  return {
    tokens,
    handler: (_: Job, token: CancellationToken) => {
      tokens.put(token);
      return suspendForever(token);
    },
  };
}

const failed = async (worker: Worker<unknown, unknown>): Promise<[Job, Error]> =>
  (await once(worker, 'failed')) as [Job, Error];
const cancelled = (token: CancellationToken) =>
  new Promise((resolve) => token.onCancel(({ reason }) => resolve(reason)));

describe('the token of a job', () => {
  it('is the current one, and nothing cancels it after success', async () => {
    runWithToken(CancellationToken.none, () => {});
    let seen: CancellationToken | undefined;
    const { jobs, worker } = working(async ({ data }, token) => {
      expect(currentToken()).toBe(token);
      seen = token;
      return { got: data };
    });
    const completed = once(worker, 'completed');
    await queue.add('job', { n: 1 });
    const [job] = await completed;
    expect([(job as Job).returnvalue, seen?.cancelled, seen?.canBeCancelled, jobs.running]).toEqual([
      { got: { n: 1 } },
      false,
      false,
      0,
    ]);
  });

  it('is CANCELLED by cancelJob, and the job fails for good', async () => {
    const { tokens, handler } = waiter();
    const { worker } = working(handler);
    const added = await queue.add('job', {}, { attempts: 5 });
    const token = await tokens.take();
    const failure = failed(worker);
    expect(worker.cancelJob(added.id!, 'the user has left')).toBe(true);
    const [job] = await failure;
    expect([token.reason, await job.getState(), job.failedReason, job.attemptsMade]).toEqual([
      'CANCELLED',
      'failed',
      'the user has left',
      1,
    ]);
  });

  it('is TIMEOUT after its time, and the job is tried again', async () => {
    const tokens = new Inbox<CancellationToken>();
    const { worker } = working(
      (job, token) => {
        tokens.put(token);
        return job.attemptsMade === 0 ? suspendForever(token) : 'in time';
      },
      { timeoutMs: (job) => (job.name === 'brief' ? 20 : 60_000) },
    );
    const completed = once(worker, 'completed');
    await queue.add('brief', {}, { attempts: 2 });
    const token = await tokens.take();
    expect(await cancelled(token)).toBe('TIMEOUT');
    const [job] = await completed;
    expect([(job as Job).returnvalue, (job as Job).attemptsMade]).toEqual(['in time', 2]);
  });

  it('S2-17: a value that comes after the cancel completes the job', async () => {
    const { worker } = working(async (_, token) => {
      await suspendForever(token).catch(() => undefined);
      return 'so far';
    });
    const active = once(worker, 'active');
    const completed = once(worker, 'completed');
    const { id } = await queue.add('job', {});
    await active;
    while (!worker.cancelJob(id!)) await new Promise(setImmediate);
    expect(((await completed)[0] as Job).returnvalue).toBe('so far');
  });

  it('a stop that nobody asked of the job fails it like any error: it is tried again', async () => {
    const cache = new CancellationSource();
    cache.cancel('CANCELLED', { description: 'what it shares with others was flushed' });
    const { worker } = working((job) => (job.attemptsMade === 0 ? suspendForever(cache.token) : 'done'));
    const completed = once(worker, 'completed');
    const failure = failed(worker);
    await queue.add('job', {}, { attempts: 2 });
    expect((await failure)[1]).toBe(cache.token.error);
    expect(((await completed)[0] as Job).returnvalue).toBe('done');
  });

  it('an error that is no stop is the job’s', async () => {
    const { worker } = working(() => {
      throw new Error('no such file');
    });
    const failure = failed(worker);
    await queue.add('job', {});
    expect((await failure)[0].failedReason).toBe('no such file');
  });
});

describe('a lock that is lost', () => {
  it('cancels with PEER_CLOSED when another has it, and the job is left alone', async () => {
    const { tokens, handler } = waiter();
    // Renewed each half second.
    const { jobs, worker } = working(handler, { lockDuration: 2_000, lockRenewTime: 500 });
    const ended: string[] = [];
    for (const event of ['failed', 'completed'] as const) worker.on(event, () => ended.push(event));
    const job = await queue.add('job', {}, { attempts: 5 });
    const token = await tokens.take();
    await connection.set(`${queue.toKey(job.id!)}:lock`, 'of another');
    expect(await cancelled(token)).toBe('PEER_CLOSED');
    expect(token.error?.description).toBe('its lock could not be renewed');
    while (jobs.running > 0) await new Promise(setImmediate);
    expect([await job.getState(), (await queue.getJob(job.id!))?.attemptsMade, ended]).toEqual(['active', 0, []]);
    await connection.del(`${queue.toKey(job.id!)}:lock`);
  });

  it('leaves the job alone also when the handler brings a value or an error', async () => {
    const answers = ['value', 'error'];
    const { jobs, worker, errors } = working(
      async ({ name }, token) => {
        if (name === 'last') return;
        await suspendForever(token).catch(() => undefined);
        if (answers.shift() === 'error') throw new Error('late');
        return 'late';
      },
      { lockDuration: 400, concurrency: 2 },
    );
    const ended: string[] = [];
    for (const event of ['failed', 'completed'] as const) worker.on(event, () => ended.push(event));
    const added = [await queue.add('a', {}), await queue.add('b', {})];
    while (jobs.running < 2) await new Promise(setImmediate);
    for (const { id } of added) await connection.set(`${queue.toKey(id!)}:lock`, 'of another');
    while (jobs.running > 0) await new Promise(setImmediate);
    expect(ended).toEqual([]);
    // What BullMQ makes of them it has made when it is done with another.
    const last = once(worker, 'completed');
    await queue.add('last', {});
    await last;
    expect(ended).toEqual(['completed']);
    expect(errors.filter(({ message }) => !message.startsWith('could not renew lock'))).toEqual([]);
    for (const { id } of added) await connection.del(`${queue.toKey(id!)}:lock`);
  });

  it('is noticed when Redis is out of reach for longer than it lasts', async () => {
    const { tokens, handler } = waiter();
    working(handler, { lockDuration: 400 });
    await queue.add('job', {});
    const token = await tokens.take();
    redis.freeze();
    try {
      expect(await cancelled(token)).toBe('PEER_CLOSED');
      expect(token.error?.description).toBe('its lock was not renewed for 400 ms');
    } finally {
      redis.thaw();
    }
  });

  it('T-15: is none while it is renewed', async () => {
    const { tokens, handler } = waiter();
    const { worker } = working(handler, { lockDuration: 200 });
    await queue.add('job', {});
    const token = await tokens.take();
    // Longer than the first lock would have lasted.
    for (let i = 0; i < 5; i++) await once(worker, 'locksRenewed');
    expect(token.cancelled).toBe(false);
  });

  it('T-15: is none while the handler extends it, and is one when it does so no more', async () => {
    using clock = fakeClock();
    const { tokens, handler } = waiter();
    const extended = gate<unknown>();
    working(
      async (job, token) => {
        extended.open(await job.extendLock(job.token!, 60_000));
        return handler(job, token);
      },
      { lockDuration: 30_000, skipLockRenewal: true },
    );
    await queue.add('job', {});
    const token = await tokens.take();
    expect(await extended.opened).toBe(1);
    await clock.advanceAsync(59_999);
    expect(token.cancelled).toBe(false);
    await clock.advanceAsync(1);
    expect(token.error).toMatchObject({ reason: 'PEER_CLOSED', description: 'its lock was not renewed for 60000 ms' });
  });

  it('that BullMQ would never tell of: a worker from before 5.64 is refused, and takes no job', async () => {
    const job = await queue.add('job', {});
    let worker: Worker | undefined;
    const make = (processor: Processor) => {
      worker = new Worker(queue.name, processor, { connection: { path: redis.path } });
      // What it lacks stands for its version.
      return Object.assign(worker, { cancelJob: undefined as never });
    };
    expect(() => serveJobs(() => expect.unreachable(), make)).toThrow(
      'Expected `make()` to be a Worker of BullMQ 5.64',
    );
    expect(worker?.closing).toBeInstanceOf(Promise);
    await worker?.closing;
    expect(await job.getState()).toBe('waiting');
  });

  it('is known when the same worker gets the job a second time', async () => {
    using clock = fakeClock();
    const { tokens, handler } = waiter();
    const { jobs } = working(handler, {
      lockDuration: 1_000,
      stalledInterval: 100,
      concurrency: 2,
      lockRenewTime: 60_000,
    });
    await queue.add('job', {});
    const first = await tokens.take();
    const second = await tokens.take();
    expect([first.reason, second.cancelled, clock.now]).toEqual(['PEER_CLOSED', false, 0]);
    await jobs.drain({ graceMs: 0 });
  });
});

describe('drain', () => {
  it('S3-27: lets jobs under way finish, and takes no other', async () => {
    const finish: Gate[] = [];
    const { jobs } = working(
      async () => {
        const own = gate();
        finish.push(own);
        await own.opened;
      },
      { concurrency: 2 },
    );
    for (let i = 0; i < 3; i++) await queue.add('job', {});
    while (jobs.running < 2) await new Promise(setImmediate);
    const report = jobs.drain({ graceMs: 60_000 });
    for (const own of finish) own.open();
    expect(await report).toMatchObject({ drained: 2, cancelled: 0, stillRunning: [] });
    expect(await queue.getJobCounts('completed', 'waiting', 'active')).toMatchObject({
      completed: 2,
      waiting: 1,
      active: 0,
    });
  });

  it('S3-24: after its grace cancels with SHUTDOWN; the job goes back, and another worker does it, its attempts untouched', async () => {
    const { tokens, handler } = waiter();
    const { jobs } = working(handler);
    const job = await queue.add('job', {}, { attempts: 1 });
    const token = await tokens.take();
    expect(await jobs.drain({ graceMs: 5, timeoutMs: 60_000 })).toMatchObject({
      drained: 0,
      cancelled: 1,
      stillRunning: [],
    });
    expect([token.reason, await job.getState()]).toEqual(['SHUTDOWN', 'waiting']);
    const { worker } = working(() => 'done');
    const [completed] = (await once(worker, 'completed')) as [Job];
    expect([completed.id, completed.returnvalue, completed.attemptsMade]).toEqual([job.id, 'done', 1]);
  });

  it('gives back the job of a handler that ignores its token, and says so', async () => {
    const stubborn = gate();
    const { jobs } = working(() => stubborn.opened);
    const job = await queue.add('report', {});
    while (jobs.running === 0) await new Promise(setImmediate);
    const report = await jobs.drain({ graceMs: 0, timeoutMs: 5 });
    expect(report).toMatchObject({ drained: 0, cancelled: 0, stillRunning: [{ name: 'report', id: job.id }] });
    expect([await job.getState(), jobs.running]).toEqual(['waiting', 0]);
    stubborn.open();
  });

  it('S3-25: is one, and can be forced', async () => {
    const { tokens, handler } = waiter();
    const { jobs } = working(handler);
    await queue.add('job', {});
    const token = await tokens.take();
    const first = jobs.drain({ graceMs: 600_000 });
    const second = jobs.drain({ graceMs: 0, timeoutMs: 0 });
    expect(second).toBe(first);
    await first;
    expect(token.reason).toBe('SHUTDOWN');
  });

  it('ends with the token that was given; under a cancelled one no job is begun', async () => {
    const source = new CancellationSource();
    const { tokens, handler } = waiter();
    const { jobs } = working(handler, { token: source.token });
    const job = await queue.add('job', {});
    const token = await tokens.take();
    source.cancel('TIMEOUT');
    expect(await jobs.drain()).toMatchObject({ cancelled: 1 });
    expect([token.reason, await job.getState()]).toEqual(['TIMEOUT', 'waiting']);
    const late = working(() => expect.unreachable(), { token: source.token });
    await late.jobs.drain();
    expect(await job.getState()).toBe('waiting');
  });

  it('is not held up by a Redis that is gone', async () => {
    const own = await startRedis();
    const gone = new Redis(own.path, { maxRetriesPerRequest: null }).on('error', () => {});
    const other = new Queue('gone', { connection: gone }).on('error', () => {});
    const { tokens, handler } = waiter();
    const jobs = serveJobs<unknown, unknown>(handler, (processor) =>
      new Worker('gone', processor, { connection: { path: own.path } }).on('error', () => {}),
    );
    await other.add('job', {});
    await tokens.take();
    await own.kill();
    expect(await jobs.drain({ graceMs: 0, timeoutMs: 5 })).toMatchObject({ drained: 0 });
    await other.close().catch(() => {});
    gone.disconnect();
  });
});

describe('bad input', () => {
  const make = () => expect.unreachable();
  it.each<[string, () => unknown]>([
    ['make', () => serveJobs(() => 1, 7 as never)],
    ['handler', () => serveJobs(7 as never, make as never)],
    ['options', () => serveJobs(() => 1, make as never, 7 as never)],
    ['token', () => serveJobs(() => 1, make as never, { token: 7 as never })],
    ['timeoutMs', () => serveJobs(() => 1, make as never, { timeoutMs: 0 })],
    ['timeoutMs', () => serveJobs(() => 1, make as never, { timeoutMs: '1' as never })],
    ['make()', () => serveJobs(() => 1, (() => ({})) as never)],
  ])('names `%s`', (name, call) => {
    expect(call).toThrow(`Expected \`${name}\``);
  });

  it('of a drain is named at the call, and of a job’s time by the job', async () => {
    const { jobs, worker } = working(() => 1, { timeoutMs: () => -1 });
    const failure = failed(worker);
    await queue.add('job', {});
    expect((await failure)[0].failedReason).toContain('Expected `timeoutMs`');
    expect(() => jobs.drain({ graceMs: 'soon' as never })).toThrow('Expected `graceMs`');
    expect(() => jobs.drain({ timeoutMs: Number.NaN })).toThrow('Expected `timeoutMs`');
  });
});

it('T-15: after many jobs none was cancelled, and no connection or callback is left', async () => {
  const connections = async () => Number(/connected_clients:(\d+)/.exec(await connection.info('clients'))?.[1]);
  await queue.waitUntilReady();
  const before = await connections();
  const many = 10_000 * scale;
  const root = new CancellationSource();
  let falseCancels = 0;
  const done = gate();
  let count = 0;
  const { jobs } = working(
    async (_, token) => {
      await Promise.resolve();
      if (token.cancelled) falseCancels++;
      if (++count === many) done.open();
    },
    { concurrency: 50, token: root.token },
  );
  for (let n = 0; n < many; n += 500) {
    await queue.addBulk(Array.from({ length: Math.min(500, many - n) }, () => ({ name: 'job', data: {} })));
  }
  await done.opened;
  const report = await jobs.drain();
  expect([falseCancels, report.cancelled, await queue.getCompletedCount(), await queue.getFailedCount()]).toEqual([
    0,
    0,
    many,
    0,
  ]);
  expect(snapshot(root.token)).toMatchObject({ callbacks: 0, children: [] });
  while ((await connections()) > before) await new Promise(setImmediate);
}, 120_000);
