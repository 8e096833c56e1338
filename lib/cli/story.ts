import type { ActReport, DemoReport, HopReport } from './report.ts';
import { type Canvas, duration, timeline } from './timeline.ts';

/** The first words of a demo. */
export function opening(propagate: boolean, { paint, wholeMs }: Canvas): string {
  const work = `a greeting takes ${(wholeMs / 1_000).toFixed(1)} s`;
  const what = paint('dim', `client → A → B → C: four processes, HTTP/2 over loopback, ${work}`);
  const how = propagate ? '' : `\n  ${paint('red', '--no-propagate: no hop hands its token on')}`;
  return `\n  ${paint('bold', 'nevermind demo')}  ${what}${how}\n`;
}

/** One act for people: what happens, the timeline, and what it comes to. */
export function actStory(act: ActReport, canvas: Canvas): string {
  const { paint } = canvas;
  const head = `  ${paint('bold', act.act.replace('-', ' '))}  ${paint('dim', act.story)}`;
  return [head, ...timeline(act, canvas), ...verdict(act, canvas), ''].join('\n');
}

/** The last words of a demo. */
export function closing({ acts, tookMs, ok, propagate }: DemoReport, { paint }: Canvas): string {
  const all = acts.flatMap(({ hops }) => hops);
  const took = `${counted(acts.length, 'act')} in ${duration(tookMs)}`;
  if (ok) return `  ${paint('green', '✓')} ${took}, no zombie, ${savedOf(all)}\n`;
  const advice = propagate ? '' : '; saved without --no-propagate';
  return `  ${paint('red', '✗')} ${took}, ${counted(total(all, 'lost'), 'step')} done for nobody${advice}\n`;
}

function verdict({ unexpected, zombies, hops }: ActReport, { paint }: Canvas): string[] {
  const bad = (sentence: string) => `  ${paint('red', '✗')} ${sentence}`;
  const last = Math.max(0, ...hops.map(({ stoppedMs }) => stoppedMs ?? Number.POSITIVE_INFINITY));
  const end = last === Number.POSITIVE_INFINITY ? 'and do not end' : `the last one for ${duration(last)}`;
  const lines = unexpected.map(bad);
  if (zombies.length === 0) {
    return [...lines, `  ${paint('green', '✓')} no zombie: all stopped within ${duration(last)}, ${savedOf(hops)}`];
  }
  const who = `zombie${zombies.length > 1 ? 's' : ''}: ${list(zombies)}`;
  const work = `${counted(total(hops, 'lost'), 'step')} for nobody`;
  return [...lines, bad(`${who} still at work 1 s after the event, ${end}, ${work}`)];
}

function savedOf(hops: readonly HopReport[]): string {
  return `${total(hops, 'saved')} of ${total(hops, 'of')} steps saved`;
}

function total(hops: readonly HopReport[], what: 'of' | 'saved' | 'lost'): number {
  return hops.reduce((sum, { steps }) => sum + steps[what], 0);
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** `1 step`, `2 steps`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
