import { type CallState, sharedNow } from '../measure/index.ts';
import { sleep } from '../task/index.ts';
import type { Act, Stage } from './acts.ts';
import { type ActReport, callReport, type HopReport, rounded } from './report.ts';

/** How much work the last hop has. */
export const STEPS = 30;
/** Whoever is still at work so long after the event is a zombie, in milliseconds. */
const ZOMBIE_MS = 1_000;
/** How much longer a zombie is watched, to see what it does for nobody. */
const WATCH_MS = 10_000;

/**
 * Plays one act, and tells what every hop saw of it. Resolves when all handlers have stopped, or nobody can wait for them
 * any longer.
 */
export async function perform(act: Act, stage: Stage): Promise<ActReport> {
  const { chain, caller, propagate } = stage;
  const { board, token } = chain;
  const mind = act.changesMind ? { cancelAfterMs: act.eventMs } : {};
  caller.call({ call: act.name, steps: STEPS, timeoutMs: act.budgetMs, ...mind });
  await board.until(() => board.call(act.name) !== undefined, token);
  const { startedAt } = board.call(act.name) as CallState;
  const struckAt = await event(act, stage, startedAt);

  const killed = act.expected.client === 'killed';
  const working = () => board.visits(act.name).filter(({ stoppedAt }) => stoppedAt === null);
  const over = () => (killed ? working().length === 0 : board.over(act.name));
  const inTime = await board.within(struckAt + ZOMBIE_MS - sharedNow(), over, token);
  const zombies = inTime ? [] : working().map(({ hop }) => hop);
  if (zombies.length > 0) await board.within(WATCH_MS, over, token);

  const state = board.call(act.name) as CallState;
  const eventAt = state.cancelledAt ?? struckAt;
  const report = callReport(board.visits(act.name), startedAt, eventAt);
  const client = {
    code: killed ? 'killed' : state.code,
    settledMs: state.settledAt === null ? null : rounded(state.settledAt - eventAt),
    budgetMs: act.budgetMs,
  };
  const unexpected = propagate ? surprises(act, client.code, report.hops, chain.hops) : [];
  return { act: act.name, story: act.story, client, ...report, zombies, unexpected };
}

/** Waits for the moment, and lets it happen where that is for us to do. Resolves with the instant. */
async function event(act: Act, stage: Stage, startedAt: number): Promise<number> {
  const dueAt = startedAt + act.eventMs;
  await sleep(Math.max(dueAt - sharedNow(), 0), stage.chain.token);
  if (act.strike === undefined) return dueAt;
  const struckAt = sharedNow();
  act.strike(stage);
  return struckAt;
}

function surprises(
  { expected }: Act,
  code: string | null,
  reports: readonly HopReport[],
  hops: readonly { readonly name: string }[],
): string[] {
  const seen = hops.map(({ name }, index) => ({
    who: name,
    saw: reports.find(({ hop }) => hop === name)?.reason ?? null,
    due: expected.hops[index] ?? null,
  }));
  return [{ who: 'the client', saw: code, due: expected.client }, ...seen]
    .filter(({ saw, due }) => saw !== due)
    .map(({ who, saw, due }) => `${who} was to see ${due ?? 'nothing'} and saw ${saw ?? 'nothing'}`);
}
