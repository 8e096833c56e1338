import { describe, expect, it } from 'vitest';
import { howFar } from '../support/how-far.ts';

/** Runs a program that waits for nothing else. */
const program = (wait: string): Promise<string> =>
  howFar(`
    import * as all from 'nevermind';
    const { CancellationSource, CancellationToken, run, scope, shield, sleep, suspendForever, waitAll, waitFor, withTimeout } = all;
    const never = () => new Promise(() => {});
    ${wait};`);

describe('a process', () => {
  it.each([
    ['a sleep', 'await sleep(20, CancellationToken.none)'],
    ['a limit of waitFor', 'await waitFor(suspendForever, 20)'],
    ['a timeout of run', 'await run(suspendForever, { timeout: 20 })'],
    ['a timeout, and the grace after it', 'await run(never, { timeout: 20, graceMs: 20 })'],
    ['a timeout of withTimeout', 'await withTimeout(20, suspendForever).catch(() => {})'],
    ['a timeout of a group', 'await waitAll([suspendForever], { timeout: 20 })'],
    ['a limit of shield', 'await shield(never, { timeout: 20 }).catch(() => {})'],
    ['a limit of clean-up', 'await scope(({ defer }) => defer(never), { cleanupMs: 20 }).catch(() => {})'],
  ])('lives until %s is over, and then ends', async (_, wait) => {
    expect(await program(wait)).toBe('awake');
  });

  it.each([
    ['a deadline that nobody waits for', 'new CancellationSource({ timeout: 1e6 }).token.onCancel(() => {})'],
    ['the timeout of a task that has ended', 'await run(() => 1, { timeout: 1e6 })'],
    ['the limit of what has ended', 'await waitFor(async () => 1, 1e6)'],
    ['a sleep that was cancelled', 'await sleep(1e6, CancellationToken.timeout(0)).catch(() => {})'],
  ])('does not live on for %s', async (_, wait) => {
    expect(await program(wait)).toBe('awake');
  });

  it('ends, rather than wait for ever, when a task without a grace ignores its limit', async () => {
    expect(await program('await run(never, { timeout: 20 })')).toBe('code 13');
  });
});
