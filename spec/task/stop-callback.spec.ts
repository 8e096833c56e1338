// The rules of stop source, token and callback that tasks stand on; the core's own specs prove the tree behind them.
import { describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { run, suspendForever, unwrap, waitAll } from '../../lib/task/index.ts';
import { bench, stopped, watch } from './support/bench.ts';

describe('a stop callback', () => {
  const on = bench();

  it('S4-03: the request is made once, and only the one who made it is told so', () => {
    const source = new CancellationSource();
    expect([source.token.cancelled, source.cancel(), source.cancel(), source.token.cancelled]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it('S4-04, S4-05: a poll and a callback see the same request, the callback inside the call', () => {
    const { token } = on.root;
    const seen: string[] = [];
    token.onCancel(() => seen.push(`called, ${token.cancelled}`));
    on.root.cancel();
    seen.push('cancel returns');
    expect(seen).toEqual(['called, true', 'cancel returns']);
  });

  it('S4-06, S4-07: one that is registered too late runs at once; one that was taken back never', () => {
    const seen: string[] = [];
    const gone = on.root.token.onCancel(() => seen.push('taken back'));
    expect(gone.unregister()).toBe(true);
    on.root.cancel();
    on.root.token.onCancel(() => seen.push('late'));
    seen.push('registered');
    expect(seen).toEqual(['late', 'registered']);
  });

  it('S4-08, S4-09: may take back others that have not run, and itself', () => {
    const seen: string[] = [];
    const self = on.root.token.onCancel(() => {
      seen.push(`self ${self.unregister()}`, `other ${other.unregister()}`);
    });
    const other = on.root.token.onCancel(() => seen.push('other runs'));
    on.root.cancel();
    expect(seen).toEqual(['self false', 'other true']);
  });

  it('S4-43: schedules completion rather than completing inline', async () => {
    const state = watch(run(suspendForever, { token: on.root.token }));
    on.root.token.onCancel(() => expect(state.done).toBe(false));
    on.root.cancel();
    expect(state.done).toBe(false);
    await on.rest();
    expect(state.done).toBe(true);
  });

  it('S4-42: root, branch and leaf may each begin a stop', async () => {
    const chain = () =>
      run((token) => waitAll([suspendForever, suspendForever], { token }).then(unwrap), { token: on.root.token });
    const byHandle = chain();
    byHandle.cancel('TIMEOUT');
    expect(await byHandle).toMatchObject({ kind: 'stopped', error: { reason: 'TIMEOUT' } });
    const peer = await run((token) => waitAll([suspendForever, () => Promise.reject(new Error('peer'))], { token }));
    expect(unwrap(peer)).toEqual({ kind: 'error', error: new Error('peer') });
    const byRoot = chain();
    on.root.cancel('SHUTDOWN');
    expect(await byRoot).toEqual(stopped(on.root));
  });

  it('S4-44: a chain of a hundred thousand tasks, each started by the end of the one before, needs no stack', async () => {
    let ends = 0;
    const next = (left: number): Promise<void> | void =>
      left === 0 ? undefined : run(() => ++ends, { token: on.root.token }).then(() => undefined);
    for (let i = 1e5; i > 0; i--) await next(i);
    expect(ends).toBe(1e5);
  });
});
