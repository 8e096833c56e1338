// The questions a token asks of all its ancestors, where one parent after another is not enough: a token may have
// several, and then its ancestors form a graph in which two ways can lead to the same one. Each walk keeps a list of
// its own in place of the stack, and meets each ancestor once.
import type { Cancellation } from './cancellation.ts';
import type { Rare } from './rare.ts';
import type { CallbackErrorHook } from './report.ts';

/** What a walk has to know of tokens, which stand above this file. */
export interface Kin<T> {
  parent(token: T): T | undefined;
  rare(token: T): Rare<T> | undefined;
  /** Its own deadline, or Infinity. */
  deadline(token: T): number;
  closed(token: T): boolean;
  cancellation(token: T): Cancellation | undefined;
  /** Whether its state is known without asking anybody: decided, or live in this epoch. */
  settled(token: T): boolean;
  adopt(token: T, cancellation: Cancellation): void;
  /** Live for certain, until the next cancel. */
  refresh(token: T): void;
  /** Reads the signal a token follows, and adopts its abort. */
  askSignal(token: T): void;
}

function parentsOf<T>(token: T, kin: Kin<T>): readonly T[] {
  const relays = kin.rare(token)?.relays;
  if (relays !== undefined) return relays;
  const parent = kin.parent(token);
  return parent === undefined ? [] : [parent];
}

/** Settles a token that has several parents somewhere above it: parents first, whatever the shape of the graph. */
export function settle<T>(start: T, kin: Kin<T>): void {
  // Live, but only as long as a signal says so: asked once in this walk, never stamped.
  const unsure = new Set<T>();
  const path = [{ token: start, parents: parentsOf(start, kin), next: 0 }];
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    const parent = step.parents[step.next++];
    if (parent === undefined) {
      path.pop();
      if (!kin.settled(step.token) && !decide(step.token, kin, unsure)) unsure.add(step.token);
    } else if (!kin.settled(parent) && !unsure.has(parent)) {
      path.push({ token: parent, parents: parentsOf(parent, kin), next: 0 });
    }
  }
}

/** @returns false when the token is live but hangs on a signal */
function decide<T>(token: T, kin: Kin<T>, unsure: ReadonlySet<T>): boolean {
  const rare = kin.rare(token);
  if (rare?.foreign !== undefined) {
    kin.askSignal(token);
    return kin.settled(token);
  }
  const parents = parentsOf(token, kin);
  const cancellations = parents.map((parent) => kin.cancellation(parent)).filter((one) => one !== undefined);
  const all = rare?.all === true;
  if (cancellations.length > 0 && (!all || cancellations.length === parents.length)) {
    // Of several cancels the first one cancelled "any" of the parents, the last one "all" of them.
    const later = all ? 1 : -1;
    kin.adopt(
      token,
      cancellations.reduce((a, b) => ((b.order - a.order) * later > 0 ? b : a)),
    );
    return true;
  }
  if (parents.some((parent) => unsure.has(parent))) return false;
  kin.refresh(token);
  return true;
}

/** The least deadline of a token and its ancestors; of a token that waits for all its parents, the last of theirs. */
export function deadlineOf<T>(start: T, kin: Kin<T>): number {
  let least = Number.POSITIVE_INFINITY;
  for (let token: T | undefined = start; token !== undefined && !kin.closed(token); token = kin.parent(token)) {
    if (kin.rare(token)?.relays !== undefined) return Math.min(least, joinedDeadline(token, kin));
    least = Math.min(least, kin.deadline(token));
  }
  return least;
}

function joinedDeadline<T>(start: T, kin: Kin<T>): number {
  let least = Number.POSITIVE_INFINITY;
  const ancestors = new Set([start]);
  // A set hands out what is added while it is walked.
  for (const token of ancestors) {
    if (kin.closed(token)) continue;
    least = Math.min(least, kin.deadline(token));
    const parents = parentsOf(token, kin);
    if (kin.rare(token)?.all !== true) for (const parent of parents) ancestors.add(parent);
    else
      least = Math.min(
        least,
        parents.reduce((last, parent) => Math.max(last, deadlineOf(parent, kin)), 0),
      );
  }
  return least;
}

/** Whether anything can still cancel a token: a source of its own, or a parent for which the same holds. */
export function canBeCancelled<T>(start: T, kin: Kin<T>): boolean {
  const ancestors = new Set([start]);
  for (const token of ancestors) {
    const rare = kin.rare(token);
    if (kin.closed(token)) continue;
    if (rare === undefined || !rare.derived || rare.foreign !== undefined) return true;
    if (kin.cancellation(token) !== undefined) return true;
    const parents = (rare.relays ?? []).map((relay) => kin.parent(relay)).filter((parent) => parent !== undefined);
    if (!rare.all) for (const parent of parents) ancestors.add(parent);
    else if (parents.length === rare.relays?.length && parents.every((parent) => canBeCancelled(parent, kin)))
      return true;
  }
  return false;
}

/** The nearest hook for errors of callbacks: the token's own, else an ancestor's. */
export function hookOf<T>(start: T, kin: Kin<T>): CallbackErrorHook | undefined {
  for (let token: T | undefined = start; token !== undefined; token = parentsOf(token, kin)[0]) {
    const hook = kin.rare(token)?.hook;
    if (hook !== undefined) return hook;
  }
  return undefined;
}
