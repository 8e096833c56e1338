import { describe, expect, it } from 'vitest';
import { CancellationSource, type CancellationToken, setCurrentToken } from '../../lib/core/index.ts';
import { type Outcome, sleep, suspendForever, withoutCancel } from '../../lib/task/index.ts';
import { bench, stopped } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('withoutCancel', () => {
  const on = bench();

  it("S1-13: no caller's cancel or deadline reaches the work: it is cancelled by hand or not at all", async () => {
    const putBack = setCurrentToken(() => on.root.token);
    let seen!: CancellationToken;
    const running = withoutCancel((token) => {
      seen = token;
      return sleep(10, token).then(() => 'done');
    });
    putBack();
    on.root.cancel();
    expect([seen.cancelled, seen.deadline]).toEqual([false, Number.POSITIVE_INFINITY]);
    await on.clock.advanceAsync(10);
    expect(await running).toEqual({ kind: 'value', value: 'done' });
  });

  it('answers the caller who is cancelled at once, while the work goes on to its end', async () => {
    const late: Outcome<string>[] = [];
    const work = gate<string>();
    const running = withoutCancel(() => work.opened, { token: on.root.token, onLate: (outcome) => late.push(outcome) });
    on.root.cancel();
    expect(await running).toEqual(stopped(on.root));
    expect(late).toEqual([]);
    work.open('done');
    await on.rest();
    expect(late).toEqual([{ kind: 'value', value: 'done' }]);
  });

  it('starts the work for a caller who is cancelled already', async () => {
    on.root.cancel();
    let done = false;
    const running = withoutCancel(
      async () => {
        done = true;
      },
      { token: on.root.token },
    );
    expect(await running).toEqual(stopped(on.root));
    await on.rest();
    expect(done).toBe(true);
  });

  it('hands the outcome to the caller who waits for it', async () => {
    const late = () => expect.unreachable();
    const options = { token: on.root.token, onLate: late };
    expect(await withoutCancel(() => 7, options)).toEqual({ kind: 'value', value: 7 });
    expect(await withoutCancel(() => Promise.reject(new Error('no')), options)).toMatchObject({ kind: 'error' });
  });

  it('ends with the token of the shutdown', async () => {
    const shutdown = new CancellationSource();
    const running = withoutCancel(suspendForever, { shutdown: shutdown.token });
    shutdown.cancel('SHUTDOWN');
    expect(await running).toEqual(stopped(shutdown));
    expect(await withoutCancel(() => expect.unreachable(), { shutdown: shutdown.token })).toEqual(stopped(shutdown));
  });

  it('a late error that nobody asked for is dropped without a rejection that nobody handles', async () => {
    const work = gate();
    const running = withoutCancel(() => work.opened, { token: on.root.token });
    on.root.cancel();
    await running;
    work.fail(new Error('late'));
    await on.rest();
  });

  it('refuses bad arguments at the call', () => {
    expect(() => withoutCancel(1 as never)).toThrow('`task`');
    expect(() => withoutCancel(() => 1, { shutdown: 1 as never })).toThrow('`shutdown`');
    expect(() => withoutCancel(() => 1, { token: 1 as never })).toThrow('`token`');
    expect(() => withoutCancel(() => 1, { onLate: 1 as never })).toThrow('`onLate`');
    expect(() => withoutCancel(() => 1, { graceMs: -1 })).toThrow(RangeError);
  });
});
