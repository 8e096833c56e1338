// A plan made into tasks, with the library's own functions; and their outcomes in the form in which the rules foretell them.
import { CancellationToken, clock, isCancellation } from '../../../lib/core/index.ts';
import {
  AbandonedError,
  justStopped,
  type Outcome,
  run,
  type ScopeOptions,
  scope,
  shield,
  sleep,
  stoppedAsOptional,
  stopWhen,
  type Task,
  unwrap,
  uponStopped,
  waitAll,
  waitAny,
  waitFor,
  withTimeout,
} from '../../../lib/task/index.ts';
import type { Branch, End, Leaf, Plan } from './plan.ts';
import type { Ending } from './rules.ts';

/** The task of a plan. Each branch notes how and when it ended. */
export function taskOf(plan: Plan, seen: Map<number, Ending>): Task<unknown> {
  if (plan.op === 'leaf') return (token) => leaf(plan, token);
  const children = plan.children.map((child) => taskOf(child, seen));
  return async (token) => {
    const outcome = await branch(plan, children, token);
    seen.set(plan.id, endingOf(outcome));
    return unwrap(outcome);
  };
}

function endingOf(outcome: Outcome<unknown>): Ending {
  const { kind, suppressed = [] } = outcome;
  const errors = [...(kind === 'value' ? [] : [outcome.error]), ...suppressed].flatMap(namesOf);
  return {
    end: clock.now(),
    kind: kind === 'stopped' ? 'stop' : kind,
    value: kind === 'value' ? outcome.value : undefined,
    errors,
  };
}

/** The errors of leaves in what was thrown: several travel as one, and with a stop as its cause. */
function namesOf(error: unknown): string[] {
  if (error instanceof AbandonedError) return [`left ${error.index}`];
  if (error instanceof AggregateError) return error.errors.flatMap(namesOf);
  // What led to a cancel is its cause, too; what came after it has the cancel itself as its cause.
  if (isCancellation(error))
    return isCancellation((error.cause as Error | undefined)?.cause) ? namesOf(error.cause) : [];
  return [(error as Error).message];
}

async function leaf({ id, at, end, heeds, late, cleanup }: Leaf, token: CancellationToken): Promise<unknown> {
  try {
    await sleep(at, heeds ? token : CancellationToken.none);
  } catch (stop) {
    if (cleanup > 0) await sleep(cleanup, CancellationToken.none);
    if (late === 'stop') throw stop;
    return finish(id, late);
  }
  return finish(id, end);
}

function finish(id: number, end: End): unknown {
  if (end === 'value') return id;
  if (end === 'stop') return justStopped();
  throw new Error(`error ${id}`);
}

function branch(plan: Branch, children: Task<unknown>[], token: CancellationToken): Promise<Outcome<unknown>> {
  const [first, second] = children as [Task<unknown>, Task<unknown>];
  const options = plan.grace === Number.POSITIVE_INFINITY ? { token } : { token, graceMs: plan.grace };
  /** For functions that answer by a promise alone; their token is in their own hands. */
  const answered = (call: () => Promise<unknown> | unknown) => run(call, { token: CancellationToken.none });
  switch (plan.op) {
    case 'run':
      return run(first, { token });
    case 'deadline':
      return answered(() => withTimeout(plan.ms, first, { token }));
    case 'shield':
      return answered(() => shield(first, { timeout: Number.POSITIVE_INFINITY, parent: token }));
    case 'optional':
      return answered(() => stoppedAsOptional(first)(token));
    case 'upon':
      return answered(() => uponStopped(first, (_, own) => second(own))(token));
    case 'waitFor':
      return waitFor(first, plan.ms, { token });
    case 'stopWhen':
      return stopWhen(first, second, { token });
    case 'any':
      return waitAny(children, options);
    case 'all':
      return waitAll(children, options);
    case 'scope':
      return answered(() => scoped(plan, children, options));
  }
}

function scoped(plan: Branch, [first, ...rest]: Task<unknown>[], options: ScopeOptions): Promise<unknown> {
  return scope(
    ({ spawn, defer, token }) => {
      for (const { ms, fails, id } of plan.cleanups) {
        defer(async (cleanup) => {
          await sleep(ms, cleanup);
          if (fails) throw new Error(`error ${id}`);
        });
      }
      for (const task of rest) spawn(task);
      return first?.(token);
    },
    { ...options, cleanupMs: Number.POSITIVE_INFINITY },
  );
}
