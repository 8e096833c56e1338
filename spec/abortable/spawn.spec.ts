import * as acx from 'abort-controller-x';
import { describe, expect, it } from 'vitest';
import { spawn } from '../../lib/abortable/index.ts';
import { CancellationSource, type CancellationToken, snapshot } from '../../lib/core/index.ts';

/** Does the one thing, and then hands out the other. */
const and = <T>(_: unknown, value: T): T => value;
const forever = (token: CancellationToken) => acx.forever(token.signal);

describe('spawn', () => {
  it('yields its value after its forks were cancelled and its clean-up has run, the newest first', async () => {
    const log: string[] = [];
    const { token } = new CancellationSource();
    const value = await spawn(token, async (_, { fork, defer }) => {
      defer(() => void log.push('first'));
      defer(() => void log.push('second'));
      fork((own) => forever(own).finally(() => log.push('fork')));
      return 7;
    });
    expect([value, log]).toEqual([7, ['fork', 'second', 'first']]);
    expect(snapshot(token)).toMatchObject({ callbacks: 0, children: [] });
  });

  it.each(['SHUTDOWN', 'TIMEOUT'] as const)(
    'a reason of %s reaches the function, its forks and the caller',
    async (reason) => {
      const source = new CancellationSource();
      const seen: unknown[] = [];
      const running = spawn(source.token, (token, { fork }) => {
        for (const own of [token]) own.onCancel((error) => seen.push(error));
        fork((own) => {
          own.onCancel((error) => seen.push(error));
          return forever(own);
        });
        return forever(token);
      });
      source.cancel(reason);
      await expect(running).rejects.toBe(source.token.error);
      expect(seen).toEqual([source.token.error, source.token.error]);
    },
  );

  it('under an aborted signal the original loses the reason; this one does not', async () => {
    const reason = new Error('theirs');
    await expect(acx.spawn(AbortSignal.abort(reason), async () => 7)).rejects.not.toBe(reason);
    const source = new CancellationSource();
    source.cancel('PEER_CLOSED');
    await expect(spawn(source.token, async () => 7)).rejects.toBe(source.token.error);
  });

  it('a cancel while a fork begins: to the original the fork goes on for ever, this one hears of it', async () => {
    const controller = new AbortController();
    let settled = false;
    const settle = () => {
      settled = true;
    };
    acx
      .spawn(controller.signal, async (signal, { fork }) => {
        await undefined;
        fork((own) => and(controller.abort(), acx.forever(own)));
        await acx.forever(signal);
      })
      .then(settle, settle);
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(false);
    const source = new CancellationSource();
    const ours = spawn(source.token, async (token, { fork }) => {
      await undefined;
      fork((own) => and(source.cancel(), forever(own)));
      await forever(token);
    });
    expect(await ours.catch((error) => error)).toBe(source.token.error);
  });

  it('a fork that fails, even at once, cancels the others, and its error comes out', async () => {
    for (const fail of [
      () => Promise.reject(new Error('no')),
      (): never => {
        throw new Error('no');
      },
    ]) {
      const running = spawn(new CancellationSource().token, (token, { fork }) => {
        fork(fail);
        return forever(token);
      });
      await expect(running).rejects.toThrow('no');
    }
  });

  it('joins a fork, and aborts one alone', async () => {
    const values = await spawn(new CancellationSource().token, async (_, { fork }) => {
      const [one, two] = [fork(async () => 1), fork(forever)];
      two.abort();
      return [await one.join(), await two.join().catch((error) => error.reason)];
    });
    expect(values).toEqual([1, 'CANCELLED']);
  });

  it('refuses bad arguments', async () => {
    const { token } = new CancellationSource();
    expect(() => spawn(token, 7 as never)).toThrow('`fn`');
    expect(() => spawn(7 as never, async () => 1)).toThrow('`token`');
    await expect(spawn(token, async (_, { fork }) => fork(7 as never))).rejects.toThrow('`fn`');
  });
});
