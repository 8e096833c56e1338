import { type CancellationToken, clock } from '../core/index.ts';
import { type Caller, Chain } from '../measure/index.ts';
import { type Act, acts } from './acts.ts';
import { flag, readArguments, whole } from './arguments.ts';
import { keepUp } from './keep-up.ts';
import { paint } from './paint.ts';
import { perform, STEPS } from './perform.ts';
import { Progress } from './progress.ts';
import { type ActReport, type DemoReport, rounded } from './report.ts';
import { actStory, closing, opening } from './story.ts';
import type { Canvas } from './timeline.ts';

const HOPS = 3;
const STEP_MS = 50;
/** What A and B do themselves, before they call on and after: it makes a budget shrink from hop to hop. */
const OWN_STEP_MS = 30;
const WHOLE_MS = STEPS * STEP_MS + 2 * (HOPS - 1) * OWN_STEP_MS;
/** Calls of a new client before its first act: connections stand and code is warm, as in a service that has been up for a while. */
const WARM_UP = 3;

const options = { json: flag, 'no-propagate': flag, serve: flag, port: whole(0, 65_535, 0) };

/** Runs `nevermind demo`. @returns the exit code */
export async function demo(args: readonly string[], token: CancellationToken): Promise<number> {
  const { json, serve, port, 'no-propagate': unlinked } = readArguments('demo', args, options);
  const startedAt = clock.now();
  const propagate = !unlinked;
  const canvas: Canvas = { columns: process.stdout.columns ?? 100, wholeMs: WHOLE_MS, paint };
  const print = (text: string) => process.stdout.write(`${text}\n`);
  const chain = await Chain.start({ hops: HOPS, port, propagate, stepMs: STEP_MS, ownStepMs: OWN_STEP_MS, token });
  try {
    if (serve) return await keepUp(chain, canvas, json);
    if (!json) print(opening(propagate, canvas));
    const played = await play(chain, propagate, (act) => json || print(actStory(act, canvas)));
    const ok = played.every(({ zombies, unexpected }) => zombies.length + unexpected.length === 0);
    const report: DemoReport = { propagate, acts: played, tookMs: rounded(clock.now() - startedAt), ok };
    print(json ? JSON.stringify(report, undefined, 2) : closing(report, canvas));
    return ok ? 0 : 1;
  } finally {
    await chain.end();
  }
}

/** Plays the acts one after another. @param show gets each as soon as it is over */
async function play(chain: Chain, propagate: boolean, show: (report: ActReport) => void): Promise<ActReport[]> {
  const reports: ActReport[] = [];
  let now: Act | undefined;
  const progress = new Progress(() => (now === undefined ? 'warming up' : progressOf(chain, now, reports.length)));
  try {
    let caller: Caller | undefined;
    for (const act of acts) {
      now = undefined;
      caller ??= await warmCaller(chain, act.name);
      now = act;
      const report = await perform(act, { chain, caller, propagate });
      reports.push(report);
      progress.clear();
      show(report);
      if (report.client.code === 'killed') caller = undefined;
    }
  } finally {
    progress.end();
  }
  return reports;
}

function progressOf({ board }: Chain, act: Act, played: number): string {
  const hops = board.visits(act.name).map(({ hop, doneAt, steps }) => `${hop} ${doneAt.length}/${steps}`);
  return `act ${played + 1} of ${acts.length}: ${act.name}   ${hops.join('  ')}`;
}

/** A client whose first calls are behind it, cancelled ones among them. */
async function warmCaller(chain: Chain, name: string): Promise<Caller> {
  const { board, token } = chain;
  const caller = await chain.caller();
  for (let n = 0; n < WARM_UP; n++) {
    const call = `${name}, warm-up ${n}`;
    caller.call({ call, steps: 1, timeoutMs: 10_000 });
    const through = () => board.visits(call).length === chain.hops.length;
    await board.until(() => through() || board.call(call)?.settledAt != null, token);
    caller.changeMind(call);
    await board.until(() => board.over(call), token);
  }
  return caller;
}
