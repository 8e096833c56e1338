import { describe, expect, it } from 'vitest';
import { CancellationSource, type CancellationToken, snapshot } from '../../lib/core/index.ts';
import { share, suspendForever } from '../../lib/task/index.ts';
import { bench, watch } from './support/bench.ts';
import { gate } from './support/gate.ts';

describe('share', () => {
  const on = bench();
  const caller = () => new CancellationSource(on.root.token);

  it('S2-02: who is cancelled gets a stop, and the others get the value of the one run', async () => {
    let runs = 0;
    const result = gate<string>();
    const shared = share(() => {
      runs++;
      return result.opened;
    });
    const [a, b, c] = [caller(), caller(), caller()];
    const [first, second, third] = [shared(a.token), shared(b.token), shared(c.token)];
    b.cancel();
    await expect(second).rejects.toBe(b.token.error);
    result.open('value');
    expect([await first, await third, runs]).toEqual(['value', 'value', 1]);
  });

  it('S2-03: the run is cancelled only when every caller is, with the reason of the last', async () => {
    let inner!: CancellationToken;
    const shared = share((token) => {
      inner = token;
      return suspendForever(token);
    });
    const [a, b] = [caller(), caller()];
    const both = [shared(a.token), shared(b.token)];
    a.cancel('PEER_CLOSED');
    expect(inner.cancelled).toBe(false);
    b.cancel('TIMEOUT');
    expect(inner.reason).toBe('TIMEOUT');
    expect(await Promise.allSettled(both)).toEqual(
      [a, b].map(({ token }) => ({ status: 'rejected', reason: token.error })),
    );
  });

  it('the last one to leave waits until the run has ended; the others do not', async () => {
    const cleanup = gate();
    const shared = share((token) => suspendForever(token).catch(() => cleanup.opened));
    const [a, b] = [caller(), caller()];
    const [first, last] = [shared(a.token), shared(b.token)].map((each) => [each, watch(each)] as const);
    on.root.cancel();
    await on.rest();
    expect([first?.[1].done, last?.[1].done]).toEqual([true, false]);
    cleanup.open();
    await expect(last?.[0]).rejects.toBe(on.root.token.error);
  });

  it('an error of a run that everybody has left comes to the last one', async () => {
    const shared = share((token) =>
      suspendForever(token).catch(() => {
        throw new Error('clean-up');
      }),
    );
    const running = shared(on.root.token);
    on.root.cancel('SHUTDOWN');
    await expect(running).rejects.toMatchObject({ reason: 'SHUTDOWN', cause: { errors: [new Error('clean-up')] } });
  });

  it('a run that ignores its token holds the last one for the grace at most', async () => {
    const shared = share(() => new Promise<never>(() => undefined), { graceMs: 10 });
    const running = expect(shared(on.root.token)).rejects.toMatchObject({
      reason: 'CANCELLED',
      cause: { errors: [{ name: 'AbandonedError' }] },
    });
    on.root.cancel();
    await on.clock.advanceAsync(10);
    await running;
  });

  it('who comes after the end, or after the cancel, begins a new run', async () => {
    let runs = 0;
    const held = gate();
    const shared = share(async (token) => {
      runs++;
      if (runs === 3) await suspendForever(token).catch(() => held.opened);
      return runs;
    });
    expect([await shared(on.root.token), await shared(on.root.token)]).toEqual([1, 2]);
    const leaver = caller();
    const left = shared(leaver.token);
    leaver.cancel();
    expect(await shared(on.root.token)).toBe(4);
    held.open();
    await expect(left).rejects.toBe(leaver.token.error);
  });

  it('the failure of the run is that of every caller, those too who come by a throw at once', async () => {
    const shared = share((): never => {
      throw new Error('no');
    });
    const [a, b] = [shared(on.root.token), shared(on.root.token)];
    await expect(a).rejects.toThrow('no');
    await expect(b).rejects.toThrow('no');
  });

  it('E18: who is cancelled already starts nothing and joins nothing', async () => {
    const gone = caller();
    gone.cancel();
    await expect(share(() => expect.unreachable())(gone.token)).rejects.toBe(gone.token.error);
  });

  it('has nothing left on the callers when they go on', async () => {
    const result = gate<number>();
    const shared = share(() => result.opened);
    const running = shared(on.root.token);
    expect(snapshot(on.root.token).callbacks).toBe(1);
    result.open(1);
    await running;
    expect(snapshot(on.root.token).callbacks).toBe(0);
  });

  it('a task that cancels its only caller while it begins is cancelled itself', async () => {
    const shared = share((token) => {
      on.root.cancel();
      return suspendForever(token);
    });
    await expect(shared(on.root.token)).rejects.toBe(on.root.token.error);
  });

  it('a task that asks for itself does not recurse', async () => {
    let runs = 0;
    const inner = caller();
    const shared: (token: CancellationToken) => Promise<number> = share(async (token) => {
      runs++;
      await shared(inner.token).catch(() => undefined);
      return suspendForever(token).catch(() => runs);
    });
    const running = shared(on.root.token);
    inner.cancel();
    await on.rest();
    on.root.cancel();
    await expect(running).rejects.toBe(on.root.token.error);
    expect(runs).toBe(1);
  });

  it('refuses bad arguments at the call', () => {
    expect(() => share(undefined as never)).toThrow('`task`');
    expect(() => share(() => 1, { graceMs: -1 })).toThrow(RangeError);
    expect(() => share(() => 1)(undefined as never)).toThrow('`token`');
  });
});
