import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, Registration, snapshot } from '../../lib/core/index.ts';
import { append, count, remove, take } from '../../lib/core/registration.ts';
import { turn } from '../runtimes/harness.ts';

const log: string[] = [];
const says = (word: string) => () => void log.push(word);
const taken = () => log.splice(0);

describe('a callback', () => {
  it('S2-04, S2-05, S2-06: one cancel, many reactions that know nothing of each other, each free to do what it likes', () => {
    const source = new CancellationSource();
    let banner = 'loading';
    let frames = 1;
    source.token.onCancel(says('fetch stopped'));
    source.token.onCancel(() => {
      banner = 'user cancelled';
    });
    source.token.onCancel(() => {
      frames = 0;
    });
    source.cancel();
    expect([taken(), banner, frames]).toEqual([['fetch stopped'], 'user cancelled', 0]);
  });

  it('S4-05, E4: runs inside the call of cancel, with the error', () => {
    const source = new CancellationSource();
    let error: unknown;
    source.token.onCancel((given) => {
      error = given;
    });
    source.cancel('SHUTDOWN');
    expect(error).toBe(source.token.error);
    expect(error).toBeDefined();
  });

  it('may be an object, which gets the token, and then no error is made', () => {
    const source = new CancellationSource();
    const seen: unknown[] = [];
    const listener = {
      onCancelled(token: CancellationToken) {
        seen.push(token, this);
      },
    };
    source.token.onCancel(listener);
    source.token.onCancel(listener);
    source.cancel();
    source.token.onCancel(listener);
    expect(seen).toEqual([source.token, listener, source.token, listener, source.token, listener]);
  });

  it('E10: counts twice when it is registered twice, and once less when one of the two is taken back', () => {
    const source = new CancellationSource();
    const callback = says('called');
    source.token.onCancel(callback);
    const second = source.token.onCancel(callback);
    source.token.onCancel(callback);
    second.unregister();
    source.cancel();
    expect(taken()).toEqual(['called', 'called']);
  });

  it('runs once, however often the token is cancelled and asked', () => {
    const source = new CancellationSource();
    const child = source.token.child();
    child.token.onCancel(says('called'));
    source.cancel();
    child.cancel();
    source.cancel();
    expect(child.token.cancelled).toBe(true);
    expect(taken()).toEqual(['called']);
  });

  it('on a token that cannot be cancelled is dropped', () => {
    const registration = CancellationToken.none.onCancel(says('never'));
    expect(snapshot(CancellationToken.none).callbacks).toBe(0);
    expect(registration.unregister()).toBe(false);
    expect(taken()).toEqual([]);
  });
});

describe('a late registration', () => {
  it('S4-06, E5: runs its callback at once, inside the call, and is inert', () => {
    const source = new CancellationSource();
    source.cancel('PEER_CLOSED');
    const registration = source.token.onCancel(({ reason }) => log.push(reason));
    expect(taken()).toEqual(['PEER_CLOSED']);
    expect(registration).toBeInstanceOf(Registration);
    expect(registration.unregister()).toBe(false);
  });

  it('E6: during a delivery runs at once too, before those that wait', () => {
    const source = new CancellationSource();
    source.token.onCancel(() => {
      says('first')();
      source.token.onCancel(says('late'));
    });
    source.token.onCancel(says('second'));
    source.cancel();
    expect(taken()).toEqual(['first', 'late', 'second']);
  });

  it('E6: below a cancelled parent runs at once, before the parent has reached the child', () => {
    const root = new CancellationSource();
    const child = root.token.child();
    child.token.onCancel(says('early'));
    root.token.onCancel(() => child.token.onCancel(says('late')));
    root.cancel();
    expect(taken()).toEqual(['late', 'early']);
  });
});

describe('unregister', () => {
  it('S2-24, S2-25, S4-07: before the cancel prevents the call, and says so once', () => {
    const source = new CancellationSource();
    const registration = source.token.onCancel(says('never'));
    expect(registration.unregister()).toBe(true);
    expect(registration.unregister()).toBe(false);
    source.cancel();
    expect(registration.unregister()).toBe(false);
    expect(taken()).toEqual([]);
  });

  it('leaves the others in their order, whichever of them is taken back', () => {
    for (let gone = 0; gone < 4; gone++) {
      const source = new CancellationSource();
      const log: number[] = [];
      const registrations = [0, 1, 2, 3].map((i) => source.token.onCancel(() => log.push(i)));
      registrations[gone]?.unregister();
      source.cancel();
      expect(log).toEqual([0, 1, 2, 3].filter((i) => i !== gone));
    }
  });

  it('S2-26: cleanup is swapped as a task goes on: only the last one runs', () => {
    const source = new CancellationSource();
    const connecting = source.token.onCancel(says('abort the connect'));
    connecting.unregister();
    source.token.onCancel(says('close the connection'));
    source.cancel();
    expect(taken()).toEqual(['close the connection']);
  });

  it('S4-08, E7: of one that waits during a delivery prevents it; of one that ran does not', () => {
    const source = new CancellationSource();
    const answers: boolean[] = [];
    const ran = source.token.onCancel(says('ran'));
    source.token.onCancel(() => answers.push(ran.unregister(), waits.unregister(), waits.unregister()));
    const waits = source.token.onCancel(says('never'));
    source.token.onCancel(says('after'));
    source.cancel();
    expect([answers, taken()]).toEqual([
      [false, true, false],
      ['ran', 'after'],
    ]);
  });

  it('E7: a callback of a parent takes back one of a child', () => {
    const root = new CancellationSource();
    const child = root.token.child();
    const waits = child.token.onCancel(says('never'));
    const answers: boolean[] = [];
    root.token.onCancel(() => answers.push(waits.unregister()));
    root.cancel();
    expect([answers, taken()]).toEqual([[true], []]);
  });

  it('S4-09, E8: of itself, while it runs, is false and does no harm', () => {
    const source = new CancellationSource();
    const answers: boolean[] = [];
    const self = source.token.onCancel(() => answers.push(self.unregister()));
    source.token.onCancel(says('next'));
    source.cancel();
    expect([answers, taken()]).toEqual([[false], ['next']]);
  });

  it('after a close is false, pending or not', () => {
    const source = new CancellationSource();
    const registration = source.token.onCancel(says('never'));
    source.close();
    expect(registration.unregister()).toBe(false);
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('between cancelAsync and its callbacks still prevents', async () => {
    const source = new CancellationSource();
    const registration = source.token.onCancel(says('never'));
    const done = source.cancelAsync();
    expect(registration.unregister()).toBe(true);
    expect([await done, taken()]).toEqual([true, []]);
  });

  it('S2-27: leaves nothing behind, in any order of leaving', () => {
    const source = new CancellationSource();
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 3, 0, 2],
      [2, 0, 3, 1],
    ]) {
      const registrations = order.map(() => source.token.onCancel(says('never')));
      for (const [left, i] of order.entries()) {
        expect(registrations[i]!.unregister()).toBe(true);
        expect(snapshot(source.token).callbacks).toBe(3 - left);
      }
    }
    source.cancel();
    expect(taken()).toEqual([]);
  });
});

describe('using', () => {
  it('takes the callback back at the end of the block', () => {
    const source = new CancellationSource();
    {
      using _ = source.token.onCancel(says('never'));
    }
    source.cancel();
    expect(taken()).toEqual([]);
  });

  it('E8, await using: waits for an async callback that has begun', async () => {
    const source = new CancellationSource();
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const block = (async () => {
      await using _ = source.token.onCancel(async () => {
        says('begins')();
        await gate;
        says('ends')();
      });
      source.cancel();
      says('block ends')();
    })().then(says('after the block'));
    await turn();
    says('a turn later')();
    open();
    await block;
    expect(taken()).toEqual(['begins', 'block ends', 'a turn later', 'ends', 'after the block']);
  });

  it('E8, await using: prevents a callback that has not begun, and waits for nothing', async () => {
    const source = new CancellationSource();
    {
      await using _ = source.token.onCancel(says('never'));
    }
    source.cancel();
    expect(taken()).toEqual([]);
  });

  it('E8: from inside the callback does not wait for itself', async () => {
    const source = new CancellationSource();
    let disposed: Promise<void> | undefined;
    const registration = source.token.onCancel(async () => {
      disposed = registration[Symbol.asyncDispose]();
      await disposed;
      says('ends')();
    });
    source.cancel();
    await disposed;
    await registration[Symbol.asyncDispose]();
    expect(taken()).toEqual(['ends']);
  });

  it('E8: waits for a callback that fails without failing itself', async () => {
    const errors: AggregateError[] = [];
    const source = new CancellationSource({ onCallbackError: (error) => errors.push(error) });
    const registration = source.token.onCancel(async () => {
      await undefined;
      throw new Error('late');
    });
    source.cancel();
    await registration[Symbol.asyncDispose]();
    await registration[Symbol.asyncDispose]();
    expect(errors.map(({ errors: [error] }) => (error as Error).message)).toEqual(['late']);
  });

  it('on a registration whose token was closed does not wait for what it never called', async () => {
    const source = new CancellationSource();
    const listener = { onCancelled: says('never') };
    const thenable = Object.defineProperty(listener, 'then', { value: () => expect.unreachable() });
    const registration = source.token.onCancel(thenable);
    source.close();
    await registration[Symbol.asyncDispose]();
    expect(taken()).toEqual([]);
  });
});

describe('the list of registrations', () => {
  it('counts, appends at the end and hands out a callback once', () => {
    const [a, b, c] = [1, 2, 3].map(() => new Registration({}, says('called'))) as [
      Registration,
      Registration,
      Registration,
    ];
    let first: Registration | undefined = append(undefined, a);
    for (const next of [b, c]) first = append(first, next);
    expect([first, count(first)]).toEqual([a, 3]);
    first = remove(a, b);
    expect([first, count(first)]).toEqual([a, 2]);
    first = remove(a, a);
    expect([first, count(first)]).toEqual([c, 1]);
    expect([remove(c, c), count(undefined)]).toEqual([undefined, 0]);
    expect(take(a)).toBeTypeOf('function');
    expect(take(a)).toBe(undefined);
  });
});
