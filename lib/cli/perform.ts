import type { CancellationToken } from '../core/index.ts';
import { type CallState, sharedNow } from '../measure/index.ts';
import type { Act, Stage } from './acts.ts';
import { type ActReport, callReport, type HopReport, rounded } from './report.ts';

/** How much work the last hop has. */
export const STEPS = 30;
/** Whoever is still at work so long after the event is a zombie, in milliseconds. */
const ZOMBIE_MS = 1_000;
/** How much longer a zombie is watched, to see what it does for nobody. */
const WATCH_MS = 10_000;

/**
 * Plays one act, and tells what every hop saw of it. Resolves when all handlers have stopped, or nobody can wait for them any
 * longer.
 */
export async function perform(act: Act, stage: Stage): Promise<ActReport> {
  const { chain, caller } = stage;
  const { board } = chain;
  caller.call({
    call: act.name,
    steps: STEPS,
    timeoutMs: act.budgetMs,
    ...(act.changesMind && { cancelAfterMs: act.eventMs }),
  });
  await board.until(() => board.call(act.name) !== undefined, chain.token);
  const { startedAt } = board.call(act.name) as CallState;
  const struckAt = await event(act, stage, startedAt);
  const stopped = () => board.visits(act.name).every((visit) => visit.stoppedAt !== null);
  const over = () => stopped() && (isKilled(act) || board.call(act.name)?.settledAt !== null);
  const zombies = (await within(struckAt + ZOMBIE_MS, chain.token, (token) => board.until(over, token)))
    ? []
    : board.visits(act.name).filter((visit) => visit.stoppedAt === null);
  if (zombies.length > 0) await within(sharedNow() + WATCH_MS, chain.token, (token) => board.until(over, token));
  const state = board.call(act.name) as CallState;
  const eventAt = state.cancelledAt ?? struckAt;
  const report = callReport(board.visits(act.name), startedAt, eventAt);
  const client = {
    code: isKilled(act) ? 'killed' : state.code,
    settledMs: state.settledAt === null ? null : rounded(state.settledAt - eventAt),
    budgetMs: act.budgetMs,
  };
  return {
    act: act.name,
    story: act.story,
    client,
    ...report,
    zombies: zombies.map((visit) => visit.hop),
    unexpected: stage.propagate ? unexpected(act, client.code, report.hops, chain.hops) : [],
  };
}

/** Waits for the moment and lets it happen, where that is for us to do. Resolves with the instant it is due, or was done. */
async function event(act: Act, stage: Stage, startedAt: number): Promise<number> {
  const dueAt = startedAt + act.eventMs;
  const { board, token } = stage.chain;
  await within(dueAt, token, (limited) => board.until(() => false, limited));
  if (act.strike === undefined) return dueAt;
  const struckAt = sharedNow();
  act.strike(stage);
  return struckAt;
}

async function within<T>(
  at: number,
  token: CancellationToken,
  wait: (token: CancellationToken) => Promise<T>,
): Promise<T> {
  const limit = token.child({ timeout: at - sharedNow() });
  try {
    return await wait(limit.token);
  } finally {
    limit.close();
  }
}

function isKilled(act: Act): boolean {
  return act.expected.client === 'killed';
}

function unexpected(
  { expected }: Act,
  code: string | null,
  reports: readonly HopReport[],
  chain: readonly { readonly name: string }[],
): string[] {
  const seen = chain.map(({ name }) => reports.find(({ hop }) => hop === name)?.reason ?? null);
  const all = [
    { who: 'the client', saw: code, due: expected.client },
    ...chain.map(({ name }, index) => ({ who: name, saw: seen[index] ?? null, due: expected.hops[index] ?? null })),
  ];
  return all.filter(({ saw, due }) => saw !== due).map(({ who, saw, due }) => sentence(who, saw, due));
}

function sentence(who: string, saw: string | null, due: string | null): string {
  return `${who} was to see ${due ?? 'nothing'} and saw ${saw ?? 'nothing'}`;
}
