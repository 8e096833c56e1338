// What the types and the objects of this room do not offer. A line with `ts-expect-error` fails the type check, and with
// it the gate, as soon as what it says is not there is there.
import { describe, expect, expectTypeOf, it } from 'vitest';
import { CancellationSource, type CancellationToken } from '../../lib/core/index.ts';
import {
  cancellable,
  type Outcome,
  run,
  scope,
  share,
  shield,
  waitAll,
  waitAny,
  waitFor,
  withoutCancel,
  withTimeout,
} from '../../lib/task/index.ts';

describe('the surface of tasks', () => {
  it('S2-01: a promise of a result cannot cancel it: only the one who ran a task by hand holds its cancel', async () => {
    const token = new CancellationSource().token;
    const results = [
      scope(() => 1),
      shield(() => 1, { timeout: 1 }),
      withTimeout(1000, () => 1),
      share(() => 1)(token),
      cancellable(async () => 1)(token),
      waitAny([() => 1]),
      waitAll([() => 1]),
      waitFor(() => 1, 1),
      run(() => 1).then(({ kind }) => kind),
      withoutCancel(() => 1),
      scope(async ({ spawn }) => {
        const { ended } = spawn(() => 1);
        expect(ended).not.toHaveProperty('cancel');
      }),
    ];
    for (const result of results) {
      expect(result).not.toHaveProperty('cancel');
      expect(result.constructor).toBe(Promise);
    }
    await Promise.all(results);
    // @ts-expect-error: no such thing
    expect(results[0]?.cancel).toBe(undefined);
    expect(run(() => 1)).toHaveProperty('cancel');
  });

  it('S2-15: no token and no source tells whether its cancellation has finished; run and its kin tell by ending', async () => {
    const source = new CancellationSource();
    const names = (value: object) => {
      const found: string[] = [];
      for (let at = value; at !== Object.prototype; at = Object.getPrototypeOf(at))
        found.push(...Object.getOwnPropertyNames(at));
      return found;
    };
    const asked = /finish|complet|settle|done|stopped|ended/i;
    expect([...names(source), ...names(source.token)].filter((name) => asked.test(name))).toEqual([]);
    // @ts-expect-error: no such thing
    expect(source.token.cancellationFinished).toBe(undefined);
    expect((await run(() => 1, { token: source.token })).kind).toBe('value');
  });

  it('S4-29, S4-45: the type of a group follows from its tasks', async () => {
    const any = waitAny([() => 1, async () => 'two']);
    const all = waitAll([() => 1, async () => 'two', (_: CancellationToken) => Promise.resolve(true)]);
    expectTypeOf(any).resolves.toEqualTypeOf<Outcome<{ readonly index: number; readonly value: number | string }>>();
    expectTypeOf(all).resolves.toEqualTypeOf<Outcome<[number, string, boolean]>>();
    await Promise.all([any, all]);
  });

  it('an outcome gives its value only where it is known to be one', async () => {
    const outcome = await run(() => 7);
    // @ts-expect-error: a stop or an error has none
    expect(outcome.value).toBe(7);
    if (outcome.kind === 'value') expectTypeOf(outcome.value).toEqualTypeOf<number>();
  });

  it('what is made cancellable keeps its arguments', async () => {
    const add = cancellable(async (a: number, b: number) => a + b);
    const token = new CancellationSource().token;
    expectTypeOf(add).returns.resolves.toEqualTypeOf<number>();
    // @ts-expect-error: a text is no number
    expect(await add(token, 1, '2')).toBe('12');
  });
});
