import { type Cancellable, pendingAlarms, type Snapshot, snapshot, toToken } from '../core/index.ts';

/**
 * Throws when something was left behind: a deadline or a sleep that still waits, anywhere; a callback or a linked child on
 * one of the tokens.
 *
 * @param tokens those that outlive what was tested: roots, shutdown tokens
 * @throws Error that lists what is left
 *
 * @example
 * afterEach(() => expectNoLeaks(root.token));
 */
export function expectNoLeaks(...tokens: Cancellable[]): void {
  const pictures = tokens.map((token) => snapshot(toToken('tokens', token)));
  const alarms = pendingAlarms();
  const left = pictures.flatMap((picture, index) => leftOn(picture, picture.name ?? `token ${index}`));
  if (alarms > 0) left.unshift(counted(alarms, 'deadline or sleep', 'deadlines or sleeps'));
  if (left.length > 0) throw new Error(`Expected nothing to be left behind, but there is:\n- ${left.join('\n- ')}`);
}

function leftOn({ callbacks, children }: Snapshot, name: string): string[] {
  const left = children.map((child) => `a child of ${name}: ${child.name ?? 'without a name'}, ${child.state}`);
  if (callbacks > 0) left.unshift(`${counted(callbacks, 'callback', 'callbacks')} on ${name}`);
  return left;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
