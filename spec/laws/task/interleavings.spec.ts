// All orders in which things may end and be cancelled, drawn by fast-check's scheduler; the seed is in the report of a failure.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CancellationSource, snapshot } from '../../../lib/core/index.ts';
import { type Outcome, run, scope, share, type Task, waitAll, waitAny } from '../../../lib/task/index.ts';

type End = 'value' | 'error' | 'stops' | 'deaf';

const ends = fc.array(fc.constantFrom<End>('value', 'error', 'stops', 'deaf'), { minLength: 1, maxLength: 5 });
const RUNS = { numRuns: 500 };

interface Play {
  readonly log: string[];
  readonly root: CancellationSource;
  readonly tasks: Task<number>[];
  cancel(): void;
}

/**
 * Tasks that end when the scheduler says so: with a value or an error, deaf to their token, or stopped by it at once. The log
 * has the order in which they ended, and in which the root was cancelled.
 */
function play(s: fc.Scheduler, kinds: readonly End[]): Play {
  const log: string[] = [];
  const root = new CancellationSource();
  const tasks = kinds.map(
    (kind, index): Task<number> =>
      async (token) => {
        const turn = s.schedule(Promise.resolve(), `task ${index} ends`);
        if (kind !== 'stops') await turn;
        else await Promise.race([turn, new Promise<void>((resolve) => token.onCancel(() => resolve()))]);
        if (kind === 'stops' && token.cancelled) {
          log.push(`${index} stopped`);
          throw token.error;
        }
        log.push(`${index} ${kind === 'error' ? 'error' : 'value'}`);
        if (kind === 'error') throw new Error(`${index}`);
        return index;
      },
  );
  const cancel = () => {
    void s.schedule(Promise.resolve(), 'cancel').then(() => {
      if (root.cancel('SHUTDOWN')) log.push('cancel');
    });
  };
  return { log, root, tasks, cancel };
}

/** Every error that the log has is on the outcome, as its own or among the suppressed ones. */
function expectNoErrorLost(outcome: Outcome<unknown>, log: readonly string[]): void {
  const told = [outcome.kind === 'error' ? outcome.error : undefined, ...(outcome.suppressed ?? [])];
  const names = told.filter((error) => error !== undefined).map((error) => (error as Error).message);
  const thrown = log.filter((line) => line.endsWith('error')).map((line) => line.split(' ')[0]);
  expect([...names].sort()).toEqual(thrown.sort());
}

/**
 * The first end that counts, unless the cancel came before the last end. A cancel between the last end and the end of the
 * whole may come in time or not.
 */
function kindsBy(log: readonly string[], counts: (line: string) => boolean): string[] {
  const ends = log.filter((line) => line !== 'cancel');
  const first = ends.find(counts)?.split(' ')[1] ?? 'value';
  if (!log.includes('cancel')) return [first];
  return log.at(-1) === 'cancel' ? [first, 'stopped'] : ['stopped'];
}

describe('in every order of events', () => {
  it.each([
    [
      'waitAny',
      (tasks: Task<number>[], options: object) => waitAny(tasks, options),
      (line: string) => line !== 'cancel',
    ],
    [
      'waitAll',
      (tasks: Task<number>[], options: object) => waitAll(tasks, options),
      (line: string) => !line.endsWith('value'),
    ],
  ] as const)(
    '%s ends after the last of its tasks, as the first one that counts, and loses no error',
    async (_, wait, counts) => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), ends, fc.boolean(), async (s, kinds, cancels) => {
          const { log, root, tasks, cancel } = play(s, kinds);
          const waiting = wait(tasks, { token: root.token }).then((outcome: Outcome<unknown>) => {
            log.push('end');
            return outcome;
          });
          if (cancels) cancel();
          await s.waitAll();
          const outcome = await waiting;
          const before = log.slice(0, log.indexOf('end'));
          expect(before.filter((line) => line !== 'cancel')).toHaveLength(kinds.length);
          expect(kindsBy(before, counts)).toContain(outcome.kind);
          expectNoErrorLost(outcome, before);
          expect(snapshot(root.token)).toMatchObject({ callbacks: 0, children: [] });
        }),
        RUNS,
      );
    },
  );

  it('scope ends after the last of its tasks, those too that tasks spawn, and loses no error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), ends, fc.boolean(), async (s, kinds, cancels) => {
        const { log, root, tasks, cancel } = play(s, kinds);
        const [first, ...rest] = tasks as [Task<number>, ...Task<number>[]];
        // Each task spawns the next one before it begins: the last one hangs on a chain of spawns.
        const running = run(
          () =>
            scope(
              ({ spawn, token }) => {
                const chain =
                  (left: readonly Task<number>[]): Task<unknown> =>
                  (own) => {
                    const [next, ...others] = left;
                    if (others.length > 0) spawn(chain(others));
                    return next?.(own);
                  };
                if (rest.length > 0) spawn(chain(rest));
                return first(token);
              },
              { token: root.token },
            ),
          { token: root.token },
        );
        const waiting = running.then((outcome) => {
          log.push('end');
          return outcome;
        });
        if (cancels) cancel();
        await s.waitAll();
        const outcome = await waiting;
        const before = log.slice(0, log.indexOf('end'));
        const counts = (line: string) => !line.endsWith('value');
        expect(before.filter((line) => line !== 'cancel')).toHaveLength(kinds.length);
        expect(kindsBy(before, counts)).toContain(outcome.kind);
        expectNoErrorLost(
          outcome.kind === 'error' && outcome.error instanceof AggregateError
            ? { ...outcome, error: outcome.error.errors[0], suppressed: outcome.error.errors.slice(1) }
            : outcome,
          before,
        );
        expect(snapshot(root.token)).toMatchObject({ callbacks: 0, children: [] });
      }),
      RUNS,
    );
  });

  it('share runs once for all who come while it runs; who leaves is stopped, and the last to leave cancels it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }), async (s, leaves) => {
        let runs = 0;
        let cancels = 0;
        let open = 0;
        let ranOut = false;
        const shared = share(async (token) => {
          runs++;
          open++;
          token.onCancel(() => {
            if (!ranOut) cancels++;
          });
          const turn = s.schedule(Promise.resolve(), 'the run ends').then(() => {
            ranOut = true;
          });
          await Promise.race([turn, new Promise((_, reject) => token.onCancel(reject))]).finally(() => open--);
          return runs;
        });
        const callers = leaves.map(() => new CancellationSource());
        const waiting = callers.map(({ token }) =>
          shared(token).then(
            () => 'value',
            (error) => (error === token.error ? 'stopped' : 'lost'),
          ),
        );
        let left = 0;
        const ended = new Set<number>();
        waiting.forEach((each, index) => void each.then(() => ended.add(index)));
        callers.forEach((caller, index) => {
          if (leaves[index])
            void s.schedule(Promise.resolve(), `caller ${index} leaves`).then(() => {
              if (!ended.has(index)) left++;
              caller.cancel();
            });
        });
        await s.waitAll();
        const results = await Promise.all(waiting);
        expect(results).not.toContain('lost');
        expect([runs, open]).toEqual([1, 0]);
        if (!ranOut || cancels > 0) expect([cancels, ...new Set(results)]).toEqual([1, 'stopped']);
        expect(results.filter((result) => result === 'stopped').length).toBeLessThanOrEqual(left);
        for (const { token } of callers) expect(snapshot(token)).toMatchObject({ callbacks: 0, children: [] });
      }),
      RUNS,
    );
  });
});
