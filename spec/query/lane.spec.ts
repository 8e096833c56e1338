import { beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, isCancellation, snapshot } from '../../lib/core/index.ts';
import { Lane, type Policy, policyOf, type QueryOptions, type Session } from '../../lib/query/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { type Gate, gate } from '../server/support/gate.ts';
import { turning } from '../support/turning.ts';

const STOPPED = new Error('stopped as asked');
const { none } = CancellationToken;

/** A connection to a server that does what the spec tells it to, and when. */
class Scripted implements Session {
  readonly log: string[] = [];
  /** Each is acknowledged, or fails, when the spec says so. */
  readonly asked: Gate<Error | undefined>[] = [];
  probed: Promise<unknown> = Promise.resolve();
  cleared: Promise<unknown> = Promise.resolve();
  destroyed: Promise<void> = Promise.resolve();

  async #ask(what: string): Promise<void> {
    this.log.push(what);
    const answer = gate<Error | undefined>();
    this.asked.push(answer);
    const error = await answer.opened;
    if (error !== undefined) throw error;
  }

  cancel(): Promise<void> {
    return this.#ask('cancel');
  }
  kill(): Promise<void> {
    return this.#ask('kill');
  }
  probe(): Promise<unknown> {
    this.log.push('probe');
    return this.probed;
  }
  clear(): Promise<unknown> {
    this.log.push('clear');
    return this.cleared;
  }
  destroy(): Promise<void> {
    this.log.push('destroy');
    return this.destroyed;
  }
  isStop(error: unknown): boolean {
    return error === STOPPED;
  }
}

let session: Scripted;
let lane: Lane;
let source: CancellationSource;
beforeEach(() => {
  session = new Scripted();
  lane = new Lane(session);
  source = new CancellationSource();
});

const policy = (options: QueryOptions = {}): Policy => policyOf(options);

/** A query that the spec ends. */
function query(token: CancellationToken = source.token, options: QueryOptions = {}) {
  let end!: { value(value: unknown): void; error(error: unknown): void };
  const begun = gate();
  const result = lane.run(
    () =>
      new Promise((resolve, reject) => {
        session.log.push('begin');
        end = { value: resolve, error: reject };
        begun.open();
      }),
    token,
    policy(options),
  );
  const outcome = result.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  return {
    outcome,
    begun: begun.opened,
    value: (value: unknown) => end.value(value),
    error: (error: unknown) => end.error(error),
  };
}

/** Whether the connection may be used: asked by a query that is sent when it may. */
async function isFree(): Promise<boolean> {
  await turns();
  return lane.free() === undefined;
}

async function turns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a connection', () => {
  it('is free when its query has ended and nobody has cancelled, at once', async () => {
    const one = query();
    expect(await isFree()).toBe(false);
    one.value(1);
    expect(await one.outcome).toEqual({ value: 1 });
    expect(lane.free()).toBeUndefined();
    expect(session.log).toEqual(['begin']);
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('runs one query after the other, whatever their tokens', async () => {
    const [one, two, three] = [query(), query(none), query(new CancellationSource().token)];
    expect(session.log).toEqual(['begin']);
    one.error(new Error('its own'));
    await two.begun;
    two.value(2);
    await three.begun;
    three.value(3);
    expect(await one.outcome).toMatchObject({ error: { message: 'its own' } });
    expect([await two.outcome, await three.outcome]).toEqual([{ value: 2 }, { value: 3 }]);
    expect(await isFree()).toBe(true);
  });

  it.each([
    ['the query has ended before the cancel was acknowledged', ['end', 'ack']],
    ['the cancel was acknowledged before the query has ended', ['ack', 'end']],
  ])('is free only after both, and one more round trip: %s', async (_, order) => {
    using clock = fakeClock();
    const probed = gate();
    session.probed = probed.opened;
    const one = query();
    source.cancel();
    const two = query(none);
    for (const what of order) {
      if (what === 'end') one.error(STOPPED);
      else session.asked[0]!.open(undefined);
      await clock.advanceAsync(0);
      expect(session.log.filter((word) => word === 'begin')).toHaveLength(1);
    }
    expect(await one.outcome).toEqual({ error: source.token.error });
    expect(session.log).toEqual(['begin', 'cancel', 'probe']);
    probed.open();
    await two.begun;
    two.value(2);
    expect(await two.outcome).toEqual({ value: 2 });
    expect(clock.pending).toBe(0);
  });

  it('is asked again and again while the query goes on, one request after the other', async () => {
    using clock = fakeClock();
    const one = query();
    source.cancel();
    expect(session.asked).toHaveLength(1);
    await clock.advanceAsync(1_000);
    expect(session.asked).toHaveLength(1);
    for (const [count, pause] of [10, 20, 40, 80].entries()) {
      session.asked[count]!.open(undefined);
      await clock.advanceAsync(pause - 1);
      expect(session.asked).toHaveLength(count + 1);
      await clock.advanceAsync(1);
      expect(session.asked).toHaveLength(count + 2);
    }
    one.value('at last');
    session.asked[4]!.open(undefined);
    expect(await one.outcome).toEqual({ value: 'at last' });
    expect(await isFree()).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('takes a stray cancel in the round trip that is there for it', async () => {
    session.probed = Promise.reject(STOPPED);
    const one = query();
    source.cancel();
    session.asked[0]!.open(undefined);
    one.value(1);
    await one.outcome;
    expect(await isFree()).toBe(true);
    expect(session.log).not.toContain('destroy');
  });

  it.each([
    ['whose request may or may not have arrived', new Error('reset'), undefined],
    ['that answers no more', undefined, new Error('closed')],
  ])('%s is not used again', async (_, failure, broken) => {
    if (broken !== undefined) session.probe = () => Promise.reject(broken);
    const one = query();
    source.cancel();
    one.value(1);
    session.asked[0]!.open(failure);
    expect(await one.outcome).toEqual({ value: 1 });
    expect(await isFree()).toBe(true);
    let lost: boolean | undefined;
    lane.leave((is) => {
      lost = is;
    });
    expect(lost).toBe(true);
    expect(session.log.at(-1)).toBe('destroy');
  });
});

describe('the query’s own end', () => {
  it.each([
    ['a value', (one: ReturnType<typeof query>) => one.value(7), { value: 7 }],
    [
      'an error',
      (one: ReturnType<typeof query>) => one.error(new RangeError('its own')),
      { error: new RangeError('its own') },
    ],
  ])('decides after the cancel too: %s', async (_, end, expected) => {
    const one = query();
    source.cancel();
    session.asked[0]!.open(undefined);
    end(one);
    expect(await one.outcome).toEqual(expected);
  });

  it('is a stop only where this token was cancelled', async () => {
    const one = query();
    one.error(STOPPED);
    expect(await one.outcome).toEqual({ error: STOPPED });
  });

  it('is told by drivers that cannot wait for the promise', async () => {
    const heard: unknown[] = [];
    let fail!: () => void;
    const result = lane.run(
      (told) =>
        new Promise<void>((resolve) => {
          fail = () => {
            heard.push(told(STOPPED));
            resolve();
          };
        }),
      source.token,
      policy(),
    );
    source.cancel();
    session.asked[0]!.open(undefined);
    fail();
    expect(heard).toEqual([source.token.error]);
    await result;
  });

  it('may be that it could not begin', async () => {
    const begin = (): Promise<never> => {
      throw new TypeError('no such thing');
    };
    await expect(lane.run(begin, source.token, policy())).rejects.toThrow('no such thing');
    expect(await isFree()).toBe(true);
  });
});

describe('a query that waits for its turn', () => {
  it('is never sent when its token is cancelled meanwhile; those behind it are', async () => {
    const one = query(none);
    const two = query();
    const three = query(none);
    source.cancel();
    expect(await two.outcome).toEqual({ error: source.token.error });
    one.value(1);
    await three.begun;
    three.value(3);
    expect(await three.outcome).toEqual({ value: 3 });
    expect(session.log).toEqual(['begin', 'begin']);
  });

  it('is never sent either when its turn comes in the midst of the cancel', async () => {
    const one = query(none);
    source.token.onCancel(() => one.value(1));
    const two = query();
    source.cancel();
    expect(await two.outcome).toEqual({ error: source.token.error });
    expect(session.log).toEqual(['begin']);
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('10,000 of them cancelled do no harm', async () => {
    const one = query(none);
    const waiting = Array.from({ length: 10_000 }, () => query().outcome);
    source.cancel();
    one.value(1);
    await Promise.all(waiting);
    expect(await isFree()).toBe(true);
  });
});

describe('a token that is cancelled while it is looked at', () => {
  it('stops the query that has begun', async () => {
    const one = query(turning(source));
    expect(session.log).toEqual(['begin', 'cancel']);
    one.error(STOPPED);
    session.asked[0]!.open(undefined);
    expect(await one.outcome).toEqual({ error: source.token.error });
    expect(await isFree()).toBe(true);
  });

  it('tells who ignores it', async () => {
    const one = query(turning(source), { inflight: 'ignore query' });
    expect(await one.outcome).toEqual({ error: source.token.error });
    one.value(1);
    expect(await isFree()).toBe(true);
  });
});

describe('who ignores a query', () => {
  it('hears at once, and the connection is free when it has ended', async () => {
    const one = query(source.token, { inflight: 'ignore query' });
    source.cancel();
    expect(await one.outcome).toEqual({ error: source.token.error });
    expect(await isFree()).toBe(false);
    one.error(new Error('nobody listens'));
    expect(await isFree()).toBe(true);
    expect(session.log).toEqual(['begin']);
  });
});

describe('who kills the session', () => {
  it('asks for that, and has the connection closed', async () => {
    const one = query(source.token, { inflight: 'kill session' });
    source.cancel();
    session.asked[0]!.open(undefined);
    one.error(STOPPED);
    expect(await one.outcome).toEqual({ error: source.token.error });
    expect(await isFree()).toBe(true);
    expect(session.log).toEqual(['begin', 'kill', 'destroy']);
  });
});

describe('a query that does not end', () => {
  it.each([
    ['though it was asked to', undefined],
    ['as nobody could be asked', new Error('refused')],
  ])('is given up after graceMs: %s', async (_, failure) => {
    using clock = fakeClock();
    const one = query(source.token, { graceMs: 100 });
    source.cancel('SHUTDOWN');
    session.asked[0]!.open(failure);
    await clock.advanceAsync(99);
    expect(session.log).not.toContain('destroy');
    await clock.advanceAsync(1);
    const { error } = (await one.outcome) as { error: Error };
    expect([isCancellation(error), error.cause]).toEqual([true, failure ?? source.token.error]);
    expect(error).toMatchObject({ reason: 'SHUTDOWN', message: expect.stringContaining('100 ms') });
    expect(session.log).toContain('destroy');
    one.value('too late');
    expect(await isFree()).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('is waited for as long as it takes, without a limit', async () => {
    using clock = fakeClock();
    const one = query(source.token, { graceMs: Number.POSITIVE_INFINITY });
    source.cancel();
    for (let i = 0; i < 20; i++) {
      session.asked.at(-1)!.open(undefined);
      await clock.advanceAsync(1_000);
    }
    one.error(STOPPED);
    session.asked.at(-1)!.open(undefined);
    expect(await one.outcome).toEqual({ error: source.token.error });
    expect(clock.pending).toBe(0);
  });

  it('and that is told of its connection’s end hears of the limit all the same', async () => {
    using clock = fakeClock();
    const one = query(source.token, { graceMs: 0 });
    source.cancel();
    session.destroy = async () => one.error(new Error('connection closed'));
    await clock.advanceAsync(0);
    expect(isCancellation(((await one.outcome) as { error: unknown }).error)).toBe(true);
  });
});

describe('a connection that cannot even be closed', () => {
  beforeEach(() => {
    session.destroy = () => Promise.reject(new Error('closed already'));
  });
  const lost = (): Promise<boolean> => new Promise((resolve) => lane.leave(resolve));

  it('is lost when its query is given up', async () => {
    using clock = fakeClock();
    const one = query(source.token, { graceMs: 100 });
    source.cancel();
    await clock.advanceAsync(100);
    expect(isCancellation(((await one.outcome) as { error: unknown }).error)).toBe(true);
    expect(await lost()).toBe(true);
  });

  it('is lost after a cancel that may not have arrived', async () => {
    using clock = fakeClock();
    const one = query();
    source.cancel();
    one.value(1);
    session.asked[0]!.open(new Error('reset'));
    expect(await one.outcome).toEqual({ value: 1 });
    expect(await lost()).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('is lost when it cannot be cleared', async () => {
    session.clear = () => Promise.reject(new Error('closed'));
    await query(CancellationToken.cancelled()).outcome;
    expect(await lost()).toBe(true);
  });
});

describe('who leaves', () => {
  const left = async (): Promise<boolean | undefined> => {
    let lost: boolean | undefined;
    lane.leave((is) => {
      lost = is;
    });
    await turns();
    return lost;
  };

  it('is gone at once where nothing was cancelled', () => {
    let lost: boolean | undefined;
    expect(
      lane.leave((is) => {
        lost = is;
      }),
    ).toBe(true);
    expect([lost, session.log]).toEqual([false, []]);
  });

  it('waits for the query that is under way, and leaves once', async () => {
    const one = query(none);
    const gone = gate<boolean>();
    expect(lane.leave(gone.open)).toBe(true);
    expect(lane.leave(gone.open)).toBe(false);
    one.value(1);
    expect(await gone.opened).toBe(false);
    expect(await left()).toBe(false);
  });

  it.each([
    ['kept from beginning', CancellationToken.cancelled()],
    ['cut', undefined],
  ])('ends the transaction of a query that a cancel has %s', async (_, token) => {
    const one = query(token ?? source.token);
    if (token === undefined) {
      source.cancel();
      session.asked[0]!.open(undefined);
      one.error(STOPPED);
    }
    await one.outcome;
    expect(await left()).toBe(false);
    expect(session.log.at(-1)).toBe('clear');
    session.log.length = 0;
    expect(await left()).toBe(false);
    expect(session.log).toEqual([]);
  });

  it('does not give back what cannot be cleared', async () => {
    session.cleared = Promise.reject(new Error('closed'));
    await query(CancellationToken.cancelled()).outcome;
    expect(await left()).toBe(true);
    expect(session.log).toEqual(['clear', 'destroy']);
  });
});
