import type { Board, Chain, Hop } from '../measure/index.ts';
import { callReport } from './report.ts';
import { type Canvas, timeline } from './timeline.ts';

/**
 * Keeps the chain up until its token is cancelled, and shows what comes in: each call when it is over, or, as JSON, a line
 * for all that a hop has to tell.
 *
 * @returns the exit code
 */
export async function keepUp(chain: Chain, canvas: Canvas, json: boolean): Promise<number> {
  const { board, hops, token } = chain;
  const print = (text: string) => void process.stdout.write(`${text}\n`);
  const curl = curlOf(hops[0]?.url ?? '');
  if (json) {
    board.onVisit = (visit) => print(JSON.stringify({ visit }));
    print(JSON.stringify({ serving: { curl, hops: hops.map(({ name, pid, url }) => ({ hop: name, pid, url })) } }));
  } else print(invitation(hops, curl, canvas));
  try {
    for (;;) {
      const over = () => board.calls().find((call) => board.over(call));
      await board.until(() => over() !== undefined, token);
      const call = over() ?? '';
      if (!json) print(shown(board, call, canvas));
      board.forget(call);
    }
  } catch (error) {
    // Ctrl-C is the way to end it; a process that is lost is not.
    if (token.reason === 'CANCELLED') return 0;
    throw error;
  }
}

function shown(board: Board, call: string, canvas: Canvas): string {
  const visits = board.visits(call);
  const heard = visits.flatMap(({ heardAt }) => heardAt ?? []);
  const startedAt = Math.min(...visits.map(({ arrivedAt }) => arrivedAt));
  const report = callReport(visits, startedAt, heard.length === 0 ? null : Math.min(...heard));
  return [...timeline(report, canvas), ''].join('\n');
}

function curlOf(url: string): string {
  return `curl ${url}/demo.v1.Greeter/greet -H 'content-type: application/json' -d '{"name":"Ada"}'`;
}

function invitation(hops: readonly Hop[], curl: string, { paint }: Canvas): string {
  const last = hops.map(({ name, pid }) => `${name} ${pid}`).join('  ');
  return [
    '',
    `  ${paint('bold', 'The chain is up.')} ${paint('dim', 'Ctrl-C ends it. Each call shows here when it is over.')}`,
    '',
    `  ${paint('dim', 'greet Ada')}`,
    `    ${curl}`,
    `  ${paint('dim', 'and never mind, after half a second')}`,
    `    ${curl} -m 0.5`,
    `  ${paint('dim', 'and give it half a second')}`,
    `    ${curl} -H 'connect-timeout-ms: 500'`,
    `  ${paint('dim', `and shut a hop down meanwhile: kill -TERM <pid>, of ${last}`)}`,
    '',
  ].join('\n');
}
