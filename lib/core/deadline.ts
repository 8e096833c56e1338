// Absolute deadlines: arming a token, and what happens when its time has come.
import { Alarm, clearAlarm, onRing, setAlarm } from './alarm.ts';
import { CancelReason } from './reason.ts';
import { type CancellationToken, tree } from './tree.ts';

onRing((token, at) => expire(token as CancellationToken, at));

/**
 * Sets a token's own deadline in place of an earlier one; does nothing once it is decided.
 *
 * @param at absolute; Infinity takes the deadline away; not after `now` cancels at once
 */
export function setDeadline(token: CancellationToken, at: number, now: number): void {
  if (!tree.live(token)) return;
  const before = tree.alarm(token);
  const observed = tree.observed(token);
  if (before !== undefined) clearAlarm(before);
  const alarm = at === Number.POSITIVE_INFINITY ? undefined : new Alarm(at);
  tree.putAlarm(token, alarm);
  if (alarm === undefined) {
    if (observed && !tree.observed(token)) tree.unlink(token);
  } else if (at <= now) {
    tree.cancel(token, CancelReason.TIMEOUT);
  } else {
    if (!observed) tree.link(token);
    setAlarm(alarm, token, now);
  }
}

/** Of a token and its ancestors, the farthest one whose deadline has come too answers for all of them (E20). */
function expire(token: CancellationToken, at: number): void {
  let first = token;
  for (let up = tree.kin.parent(token); up !== undefined && tree.live(up); up = tree.kin.parent(up)) {
    const alarm = tree.alarm(up);
    if (alarm?.set && alarm.at <= at) first = up;
  }
  tree.cancel(first, CancelReason.TIMEOUT);
}
