// The examples of docs/guide/queues.md that need a Redis, in processes of their own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { read, root } from '../house/sources.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { type Block, blocksOf, compiled, promised } from './examples.ts';

const page = 'docs/guide/queues.md';
const blocks = blocksOf(page, read(page)).filter(({ info }) => info === 'ts no-run');

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** Runs a block; `stopAfter` is what it prints before it is told to go. */
async function run(block: Block, stopAfter?: string) {
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-'], {
    cwd: root,
    stdio: 'pipe',
    timeout: 20_000,
    env: { ...process.env, REDIS_URL: redis.path },
  });
  child.stdin.end(compiled(block));
  let seen = '';
  child.stdout.on('data', (chunk) => {
    const before = seen;
    seen += chunk;
    if (stopAfter !== undefined && seen.includes(stopAfter) && !before.includes(stopAfter)) child.kill('SIGTERM');
  });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return { code, stderr, lines: seen.trimEnd().split('\n') };
}

describe('the guide to queues', () => {
  it('has two examples that need a Redis', () => {
    expect(blocks.map(({ code }) => [code.includes('serveJobs'), code.includes('alone(')])).toEqual([
      [true, false],
      [false, true],
    ]);
  });

  it('S3-24: SIGTERM ends the worker of BullMQ in order, and its job is back in the queue', async () => {
    const [block] = blocks as [Block, Block];
    expect(await run(block, 'page 1')).toEqual({ code: 0, stderr: '', lines: promised(block) });
  });

  it('a round whose lease is lost stops', async () => {
    const [, block] = blocks as [Block, Block];
    expect(await run(block)).toEqual({ code: 0, stderr: '', lines: promised(block) });
  });

  it('a round begins under no lease that has run out while Redis was answering', async () => {
    const [, { code, ...block }] = blocks as [Block, Block];
    const [head] = code.split('const { token } = new CancellationSource();');
    const late = `
      const set = redis.set.bind(redis);
      redis.set = async (key, ...rest) => {
        const answer = await set(key, ...rest);
        while (await redis.exists(key));
        return answer;
      };
      const outcome = await alone('late', 50, () => 'begun', new CancellationSource().token);
      console.log(outcome?.kind === 'stopped' ? outcome.error.reason : outcome);
      await redis.quit();`;
    expect(await run({ ...block, code: head + late })).toEqual({ code: 0, stderr: '', lines: ['TIMEOUT'] });
  });
});
