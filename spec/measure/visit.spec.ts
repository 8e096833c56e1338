import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { Board } from '../../lib/measure/board.ts';
import { Diary, type Visit, visitOf } from '../../lib/measure/visit.ts';

/** A cancel goes out in one, and what it ends tells so in the next. */
async function afterTwoTurns(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

describe('a diary', () => {
  it('tells two turns later what a whole turn has brought, so that neither a cancel nor what it ends is held up by its report', async () => {
    const told: Visit[] = [];
    const source = new CancellationSource();
    const diary = new Diary('A', '1', 2, source.token, (visit) => told.push(visit));
    source.cancel('SHUTDOWN');
    diary.stepDone();
    expect(diary.stopped('stopped', 'result')).toBe('result');
    await setImmediate();
    expect(told).toEqual([]);
    await setImmediate();
    expect(told).toHaveLength(1);
    const [{ arrivedAt, heardAt, doneAt, stoppedAt, ...rest }] = told as [Visit];
    expect(rest).toEqual({
      hop: 'A',
      call: '1',
      budgetMs: null,
      reason: 'SHUTDOWN',
      leftMs: null,
      outcome: 'stopped',
      steps: 2,
    });
    const instants = [arrivedAt, heardAt!, ...doneAt, stoppedAt!];
    expect(instants).toEqual([...instants].sort((a, b) => a - b));
    diary.stepDone();
    await afterTwoTurns();
    expect(told[1]?.doneAt).toHaveLength(2);
  });
});

describe('a diary of a call that nobody is to cancel', () => {
  it('tells nothing, unless it was cancelled all the same', async () => {
    const told: Visit[] = [];
    const [calm, stray] = [new CancellationSource(), new CancellationSource()];
    new Diary('A', 'spared-1', 0, calm.token, (visit) => told.push(visit)).stopped('answered', undefined);
    const diary = new Diary('A', 'spared-2', 0, stray.token, (visit) => told.push(visit));
    await afterTwoTurns();
    expect(told).toEqual([]);
    stray.cancel('PEER_CLOSED');
    diary.stopped('stopped', undefined);
    await afterTwoTurns();
    expect(told).toMatchObject([{ call: 'spared-2', reason: 'PEER_CLOSED', outcome: 'stopped' }]);
  });
});

describe('a board', () => {
  it('takes a call for over when its caller knows, and no hop works on it any more', async () => {
    const board = new Board();
    const diaries = ['A', 'B'].map(
      (hop) => new Diary(hop, '1', 0, CancellationToken.none, (visit) => board.putVisit(visit)),
    );
    const state = {
      call: '1',
      startedAt: 0,
      deadlineAt: 1,
      streamingAt: null,
      cancelledAt: null,
      settledAt: null,
      code: null,
    };
    board.putCall(state);
    const over = board.until(() => board.over('1') && board.visits('1').length === 2, CancellationToken.none);
    for (const diary of diaries) diary.stopped('answered', undefined);
    await afterTwoTurns();
    expect(board.over('1')).toBe(false);
    board.putCall({ ...state, settledAt: 2, code: 'ok' });
    await over;
    expect(board.visits('1').map(({ hop }) => hop)).toEqual(['A', 'B']);
    board.forget('1');
    expect(board.calls()).toEqual([]);
  });

  it('notes each call that nobody cancels and that came to an early end, once, and keeps nothing else of such calls', () => {
    const board = new Board();
    const visit = { ...visitOf('A', 'spared-1'), heardAt: 3 };
    board.putVisit(visitOf('A', 'spared-0'));
    board.putVisit(visit);
    board.putVisit({ ...visit, hop: 'B' });
    const open = { startedAt: 0, deadlineAt: 1, streamingAt: null, cancelledAt: null, settledAt: 2 };
    board.putCall({ ...open, call: 'spared-1', code: 'unavailable' });
    board.putCall({ ...open, call: 'spared-2', code: 'unknown', message: 'reset' });
    board.putCall({ ...open, call: 'spared-3', code: 'ok' });
    board.putCall({ ...open, call: '4', code: 'canceled' });
    expect([...board.strays]).toEqual([
      ['spared-1', 'unavailable'],
      ['spared-2', 'reset'],
    ]);
    expect(board.calls()).toEqual([]);
  });

  it('needs no caller of ours', async () => {
    const board = new Board();
    const diary = new Diary('A', 'curl', 0, CancellationToken.none, (visit) => board.putVisit(visit));
    await afterTwoTurns();
    expect(board.over('curl')).toBe(false);
    diary.stopped('answered', undefined);
    await afterTwoTurns();
    expect(board.over('curl')).toBe(true);
  });
});
