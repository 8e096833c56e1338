import * as acx from 'abort-controller-x';
import { describe, expect, it } from 'vitest';
import { abortable, all, execute, race } from '../../lib/abortable/index.ts';
import { CancellationError, CancellationSource, snapshot } from '../../lib/core/index.ts';

/** Where a promise stands when everything has run that can run without time passing. */
async function fate(promise: Promise<unknown>): Promise<'pending' | 'fulfilled' | 'rejected'> {
  let state: 'pending' | 'fulfilled' | 'rejected' = 'pending';
  promise.then(
    () => {
      state = 'fulfilled';
    },
    () => {
      state = 'rejected';
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return state;
}

/** Does the one thing, and then hands out the other. */
const and = <T>(_: unknown, value: T): T => value;

const never = (): Promise<never> => new Promise(() => undefined);

describe('an abort inside the executor', () => {
  it.each<[string, (controller: AbortController) => Promise<unknown>]>([
    ['execute', (c) => acx.execute(c.signal, () => and(c.abort(), () => undefined))],
    ['race', (c) => acx.race(c.signal, (s) => and(c.abort(), [acx.forever(s)]))],
    ['all', (c) => acx.all(c.signal, (s) => and(c.abort(), [acx.forever(s)]))],
  ])('is missed by the original %s, which then waits for ever', async (_, call) => {
    expect(await fate(call(new AbortController()))).toBe('pending');
  });

  it.each<[string, (source: CancellationSource) => Promise<unknown>]>([
    ['execute', (s) => execute(s.token, () => and(s.cancel('SHUTDOWN'), () => undefined))],
    ['race', (s) => race(s.token, (t) => and(s.cancel('SHUTDOWN'), [acx.forever(t.signal)]))],
    ['all', (s) => all(s.token, (t) => and(s.cancel('SHUTDOWN'), [acx.forever(t.signal)]))],
    [
      'abortable',
      (s) => abortable((signal) => acx.execute(signal, () => and(s.cancel('SHUTDOWN'), () => undefined)))(s.token),
    ],
  ])('is heard by %s', async (_, call) => {
    const source = new CancellationSource();
    await expect(call(source)).rejects.toBe(source.token.error);
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
  });
});

describe('race', () => {
  it('of nothing: the original waits for ever, this one is refused', async () => {
    expect(await fate(acx.race(new AbortController().signal, () => []))).toBe('pending');
    await expect(race(new CancellationSource().token, () => [])).rejects.toThrow('one promise or more');
  });

  it('yields the first value, and stops the others by their token', async () => {
    const source = new CancellationSource();
    const stops: unknown[] = [];
    const value = await race(source.token, (token) => [
      acx.forever(token.signal).catch((error) => {
        stops.push(token.reason);
        throw error;
      }),
      Promise.resolve(7),
    ]);
    expect([value, stops, snapshot(source.token).children]).toEqual([7, ['CANCELLED'], []]);
  });

  it("a loser's stop by a timeout: to the original it is an error, which overrides the value; to this one a stop", async () => {
    const timeout = new CancellationError('TIMEOUT');
    const controller = new AbortController();
    const loser = (signal: AbortSignal) => acx.forever(signal).catch(() => Promise.reject(timeout));
    await expect(acx.race(controller.signal, (s) => [loser(s), Promise.resolve(7)])).rejects.toBe(timeout);
    expect(await race(new CancellationSource().token, (token) => [loser(token.signal), Promise.resolve(7)])).toBe(7);
  });

  it('an error that comes later overrides a value, as in the original', async () => {
    const late = (signal: AbortSignal) => acx.forever(signal).catch(() => Promise.reject(new Error('late')));
    const racing = race(new CancellationSource().token, (token) => [late(token.signal), Promise.resolve(7)]);
    await expect(racing).rejects.toThrow('late');
  });
});

describe('all', () => {
  it('yields all values, of none too', async () => {
    const { token } = new CancellationSource();
    const [number, text] = await all(token, () => [Promise.resolve(1), Promise.resolve('two')]);
    expect([number.toFixed(), text.length, await all(token, () => [])]).toEqual(['1', 3, []]);
  });

  it('the first error stops the others, and comes out', async () => {
    const both = all(new CancellationSource().token, (token) => [
      acx.forever(token.signal),
      Promise.reject(new Error('no')),
    ]);
    await expect(both).rejects.toThrow('no');
  });
});

describe('execute', () => {
  it('waits for the promise of its callback, which gets the error of the token', async () => {
    const source = new CancellationSource();
    let seen: unknown;
    let cleaned!: () => void;
    const running = execute(source.token, () => (error) => {
      seen = error;
      return new Promise<void>((resolve) => {
        cleaned = resolve;
      });
    });
    source.cancel('SHUTDOWN');
    expect(await fate(running)).toBe('pending');
    cleaned();
    await expect(running).rejects.toBe(source.token.error);
    expect(seen).toBe(source.token.error);
  });

  it('a callback that throws rejects', async () => {
    const source = new CancellationSource();
    const running = execute(source.token, () => () => {
      throw new Error('no');
    });
    source.cancel();
    await expect(running).rejects.toThrow('no');
  });

  it('an executor that returns no callback is refused at once, not only when the cancel has come', async () => {
    const running = execute(new CancellationSource().token, (() => undefined) as never);
    await expect(running).rejects.toThrow('Expected `executor()` to be a function, which is called when the token is');
  });
});

describe('abortable', () => {
  it('hands over the arguments and yields the value', async () => {
    const add = abortable(async (_, a: number, b: number) => a + b);
    expect(await add(new CancellationSource().token, 1, 2)).toBe(3);
  });

  it.each(['CANCELLED', 'TIMEOUT', 'SHUTDOWN'] as const)(
    'a reason of %s comes out as it went in, whatever the function makes of it',
    async (reason) => {
      for (const lose of [
        (error: unknown) => error,
        () => new acx.AbortError(),
        (e: unknown) => new Error('x', { cause: e }),
      ]) {
        const source = new CancellationSource();
        const fn = abortable((signal) => acx.forever(signal).catch((error) => Promise.reject(lose(error))));
        const outcome = fn(source.token).catch((error) => error);
        source.cancel(reason);
        const error = await outcome;
        if (error instanceof CancellationError) expect(error).toBe(source.token.error);
        else expect(error).toMatchObject({ message: 'x' });
      }
    },
  );

  it('its signal is aborted by an AbortError that leads to the reason', async () => {
    for (const reason of ['SHUTDOWN', 'TIMEOUT'] as const) {
      const source = new CancellationSource();
      let seen: unknown;
      const running = abortable((signal) =>
        acx.forever(signal).catch((error) => {
          seen = signal.reason;
          throw error;
        }),
      )(source.token);
      source.cancel(reason);
      await expect(running).rejects.toBe(source.token.error);
      expect((seen as Error).name).toBe('AbortError');
      expect([seen, (seen as Error).cause]).toContain(source.token.error);
    }
  });

  it('an error, and an AbortError before any cancel, come through', async () => {
    const { token } = new CancellationSource();
    const foreign = new DOMException('theirs', 'AbortError');
    await expect(abortable(() => Promise.reject(foreign))(token)).rejects.toBe(foreign);
    await expect(
      abortable((): never => {
        throw new Error('at once');
      })(token),
    ).rejects.toThrow('at once');
  });

  it('under a cancelled token calls nothing, and leaves nothing on a live one', async () => {
    const source = new CancellationSource();
    await abortable(async () => 7)(source.token);
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [], signal: false });
    source.cancel();
    await expect(abortable(() => expect.unreachable())(source.token)).rejects.toBe(source.token.error);
  });

  it('a value that comes after the cancel is a value', async () => {
    const source = new CancellationSource();
    let open!: (value: number) => void;
    const running = abortable(
      () =>
        new Promise<number>((resolve) => {
          open = resolve;
        }),
    )(source.token);
    source.cancel();
    open(7);
    expect(await running).toBe(7);
  });

  it('bad arguments are refused at the call', () => {
    const { token } = new CancellationSource();
    expect(() => abortable(7 as never)).toThrow('`fn`');
    expect(() => abortable(never)(7 as never)).toThrow('`token`');
    expect(() => race(token, 7 as never)).toThrow('`start`');
    expect(() => all(token, 7 as never)).toThrow('`start`');
    expect(() => execute(token, 7 as never)).toThrow('`executor`');
  });
});
