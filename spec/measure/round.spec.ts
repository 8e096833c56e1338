import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { Board } from '../../lib/measure/board.ts';
import { ChainLost } from '../../lib/measure/chain.ts';
import { contest } from '../../lib/measure/contest.ts';
import type { CallOrder } from '../../lib/measure/messages.ts';
import { Rounds } from '../../lib/measure/round.ts';
import type { Subject } from '../../lib/measure/subject.ts';
import { visitOf } from '../../lib/measure/visit.ts';
import { type FakeClock, fakeClock } from '../../lib/testing/index.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = fakeClock();
});
afterEach(() => clock[Symbol.dispose]());

const open = { startedAt: 0, deadlineAt: 1, streamingAt: null, cancelledAt: null, settledAt: null, code: null };

/** One hop, or several, whose processes are played by the spec: what an order and a cancel lead to. */
function subjectOf(
  act: Partial<Pick<Subject, 'changeMind' | 'hops'>> & { call(order: CallOrder, board: Board): unknown },
): Subject & { readonly made: string[] } {
  const board = new Board();
  const { token } = new CancellationSource();
  const made: string[] = [];
  return {
    made,
    hops: act.hops ?? ['A'],
    board,
    token,
    call: (order) => {
      made.push(order.call);
      act.call(order, board);
    },
    changeMind:
      act.changeMind ??
      ((call) => {
        for (const visit of board.visits(call)) board.putVisit({ ...visit, heardAt: 12, stoppedAt: 13 });
        board.putCall({ ...open, call, cancelledAt: 10, settledAt: 11, code: 'canceled' });
      }),
    load: () => {},
    unreached: (hop, instead) => new Error(`${hop} unreached, ${instead}`),
    end: async () => {},
  };
}

const options = { at: 'working', patienceMs: 100 } as const;
const arrive = ({ call }: CallOrder, board: Board) => {
  if (!call.startsWith('spared')) board.putVisit(visitOf('A', call));
  else board.putCall({ ...open, call, settledAt: 5, code: 'ok' });
};

describe('a round', () => {
  it('waits for the report of what was heard where the one of the end has overtaken it', async () => {
    const subject = subjectOf({
      call: arrive,
      changeMind(call) {
        const { board } = subject;
        const ended = { ...visitOf('A', call), stoppedAt: 13, outcome: 'stopped' } as const;
        board.putCall({ ...open, call, cancelledAt: 10, settledAt: 11, code: 'canceled' });
        board.putVisit(ended);
        queueMicrotask(() => board.putVisit({ ...ended, heardAt: 12 }));
      },
    });
    const rounds = new Rounds(subject, options);
    await rounds.cancelOne();
    expect(rounds.done).toEqual([{ early: false, arrived: [true], heard: [2], stopped: [3] }]);
  });

  it('counts from the cancel until the hop has heard, and until it has stopped', async () => {
    const rounds = new Rounds(subjectOf({ call: arrive }), options);
    await rounds.cancelOne();
    expect(rounds.done).toEqual([{ early: false, arrived: [true], heard: [2], stopped: [3] }]);
  });

  it('waits for a cancel as long as its patience is, and no longer', async () => {
    const rounds = new Rounds(subjectOf({ call: arrive, changeMind: () => {} }), options);
    const lost = rounds.cancelOne();
    await clock.advanceAsync(99);
    expect(rounds.done).toEqual([]);
    await clock.advanceAsync(1);
    await lost;
    expect(rounds.done).toEqual([{ early: false, arrived: [true], heard: [null], stopped: [null] }]);
  });

  it('fails when the first call does not come through, as the subject has it, and as a lost chain later', async () => {
    let silent = false;
    const subject = subjectOf({ call: (order, board) => silent || arrive(order, board) });
    const rounds = new Rounds(subject, options);
    await rounds.cancelOne();
    silent = true;
    const late = expect(rounds.cancelOne()).rejects.toThrow(
      new ChainLost('A call was to reach hop A, not within 1 s.'),
    );
    await clock.advanceAsync(1_000);
    await late;
    const never = expect(new Rounds(subject, options).cancelOne()).rejects.toThrow('A unreached, not within 1 s');
    await clock.advanceAsync(1_000);
    await never;
  });

  it('names the hop that does not report of the first call', async () => {
    const subject = subjectOf({ hops: ['A', 'B'], call: ({ call }, board) => board.putVisit(visitOf('B', call)) });
    const never = expect(new Rounds(subject, options).cancelOne()).rejects.toThrow('A unreached, not within 1 s');
    await clock.advanceAsync(1_000);
    await never;
  });

  it('misses a hop that does not report of a later call, which the one behind it has', async () => {
    const silent: string[] = [];
    const subject = subjectOf({
      hops: ['A', 'B'],
      call: ({ call }, board) => {
        for (const hop of ['A', 'B']) if (!silent.includes(hop)) board.putVisit(visitOf(hop, call));
      },
    });
    const rounds = new Rounds(subject, options);
    await rounds.cancelOne();
    silent.push('A');
    const missed = rounds.cancelOne();
    // Once before the cancel, as its report may be on its way, and once behind it.
    for (let wait = 0; wait < 2; wait++) await clock.advanceAsync(100);
    await missed;
    expect(rounds.done).toEqual([
      { early: false, arrived: [true, true], heard: [2, 2], stopped: [3, 3] },
      { early: false, arrived: [true, true], heard: [null, 2], stopped: [null, 3] },
    ]);
  });

  const early = [{ early: true, arrived: [false], heard: [null], stopped: [null] }];

  it('is none of a call that has ended by itself, and waits for nothing more of it', async () => {
    const ends = (order: CallOrder, board: Board) => {
      arrive(order, board);
      board.putCall({ ...open, call: order.call, settledAt: 9, code: 'ok' });
    };
    const rounds = new Rounds(subjectOf({ call: ends, changeMind: () => {} }), options);
    await rounds.cancelOne();
    expect(rounds.done).toEqual(early);
  });

  it('has no figure of a hop that had heard before there was a cancel', async () => {
    const subject = subjectOf({
      call: arrive,
      changeMind(call) {
        subject.board.putVisit({ ...visitOf('A', call), heardAt: 9, stoppedAt: 13 });
        subject.board.putCall({ ...open, call, cancelledAt: 10, settledAt: 11, code: 'canceled' });
      },
    });
    const rounds = new Rounds(subject, options);
    await rounds.cancelOne();
    expect(rounds.done).toEqual(early);
  });

  it('keeps nothing of what comes of a call when it was judged', async () => {
    const subject = subjectOf({ call: arrive });
    const rounds = new Rounds(subject, options);
    await rounds.cancelOne();
    subject.board.putVisit({ ...visitOf('A', '1'), stoppedAt: 14 });
    subject.board.putCall({ ...open, call: '1', settledAt: 15 });
    await rounds.cancelOne();
    expect(subject.board.calls()).toEqual([]);
    expect(subject.board.call('1')).toBeUndefined();
  });

  it('does not wait for a call that has ended before its time', async () => {
    const refused = ({ call }: CallOrder, board: Board) =>
      board.putCall({ ...open, call, settledAt: 1, code: 'unavailable', message: 'nobody there' });
    const rounds = new Rounds(subjectOf({ call: refused }), options);
    await expect(rounds.cancelOne()).rejects.toThrow('A unreached, but has ended: nobody there');
  });

  it('judges a cancel that races its call some cancels later, so that what comes late still counts', async () => {
    const gone = ({ call }: CallOrder, board: Board) =>
      board.putCall({ ...open, call, cancelledAt: 10, settledAt: 11, code: 'canceled' });
    const subject = subjectOf({ call: gone });
    const rounds = new Rounds(subject, { ...options, at: 'before-headers' });
    for (let n = 0; n < 3; n++) await rounds.cancelOne();
    expect(rounds.done).toEqual([]);
    subject.board.putVisit({ ...visitOf('A', subject.made[0]!), heardAt: 14, stoppedAt: 15 });
    await rounds.settle();
    expect(rounds.done).toEqual([
      { early: false, arrived: [true], heard: [4], stopped: [5] },
      { early: false, arrived: [false], heard: [null], stopped: [null] },
      { early: false, arrived: [false], heard: [null], stopped: [null] },
    ]);
  });
});

describe('a contest', () => {
  const course = { ...options, cancels: 20, warmup: 10, load: 0 };

  it('takes all subjects in turn, there and back, spares each tenth call, and does not count the warm-up', async () => {
    const order: string[] = [];
    const named = (name: string) =>
      subjectOf({
        call: (one, board) => {
          order.push(one.call.startsWith('spared') ? `${name}*` : name);
          arrive(one, board);
        },
      });
    const seen = await contest([named('a'), named('b')], { ...course, token: new CancellationSource().token });
    expect(order.slice(0, 8).join('')).toBe('abbaabba');
    expect(order.filter((name) => name.endsWith('*'))).toHaveLength(6);
    expect(seen.map(({ rounds, spared }) => [rounds.length, spared])).toEqual([
      [20, 3],
      [20, 3],
    ]);
  });

  it('keeps what it has measured when its token is cancelled', async () => {
    const source = new CancellationSource();
    const subject = subjectOf({ call: arrive });
    Object.assign(subject, { token: source.token });
    const onProgress = (done: number) => done === 15 && source.cancel();
    const calm = subject.call;
    // The next call after the cancel hangs, as in a chain that is told nothing more.
    Object.assign(subject, { call: (order: CallOrder) => source.token.cancelled || calm(order) });
    const [seen] = await contest([subject], { ...course, token: source.token, onProgress });
    expect(seen?.rounds).toHaveLength(5);
  });

  it('has measured nothing when its token is cancelled before it is warm', async () => {
    const source = new CancellationSource();
    const subject = subjectOf({ call: (order, board) => source.token.cancelled || arrive(order, board) });
    Object.assign(subject, { token: source.token });
    const onProgress = (done: number) => done === 9 && source.cancel();
    const [seen] = await contest([subject], { ...course, token: source.token, onProgress });
    expect(seen?.rounds).toEqual([]);
  });

  it('passes on that a chain was lost', async () => {
    const source = new CancellationSource();
    const subject = subjectOf({ call: () => source.cancel('SHUTDOWN', { cause: new ChainLost('gone') }) });
    Object.assign(subject, { token: source.token });
    const lost = contest([subject], { ...course, token: new CancellationSource().token });
    await expect(lost).rejects.toMatchObject({ cause: { message: 'gone' } });
  });
});
