// The questions a token asks of all its ancestors, where one parent after another is not enough: a token may have
// several, and then its ancestors form a graph in which two ways can lead to the same one. Each walk keeps a list of
// its own in place of the stack, and meets each ancestor once.
import type { Top } from './rare.ts';
import type { CallbackErrorHook, Hooks } from './report.ts';

/** What a walk has to know of tokens, which stand above this file. */
export interface Kin<T> {
  parent(token: T): T | undefined;
  top(token: T): Top<T> | undefined;
  hook(token: T): CallbackErrorHook | undefined;
  /** Its own deadline, or Infinity. */
  deadline(token: T): number;
  closed(token: T): boolean;
  /** Known to be cancelled, without asking anybody. */
  cancelled(token: T): boolean;
  /** Grows with each cancel: tells which of two cancelled tokens was it by the earlier one. */
  order(token: T): number;
  /** Whether its state is known without asking anybody: decided, or live in this epoch. */
  settled(token: T): boolean;
  /** Cancels a token by what has cancelled another one. */
  adopt(token: T, from: T): void;
  /** Live for certain, until the next cancel. */
  refresh(token: T): void;
  /** Reads the signal a token follows, and adopts its abort. */
  askSignal(token: T): void;
}

function parentsOf<T>(token: T, kin: Kin<T>): readonly T[] {
  const relays = kin.top(token)?.relays;
  if (relays !== undefined) return relays;
  const parent = kin.parent(token);
  return parent === undefined ? [] : [parent];
}

/** Answers a question for a token after all of its parents that are still open: each once, whatever the graph's shape. */
function parentsFirst<T>(
  start: T,
  parents: (token: T) => readonly T[],
  open: (token: T) => boolean,
  answer: (token: T) => void,
): void {
  const path = [{ token: start, parents: parents(start), next: 0 }];
  for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
    const parent = step.parents[step.next++];
    if (parent === undefined) {
      path.pop();
      if (open(step.token)) answer(step.token);
    } else if (open(parent)) {
      path.push({ token: parent, parents: parents(parent), next: 0 });
    }
  }
}

/**
 * Goes on from a token that has a top in place of a parent.
 *
 * @param upwards goes up from a relay, parent by parent, and returns the next token that has a top
 * @param atTop called with each of them
 */
export function goOn<T>(
  start: T,
  kin: Kin<T>,
  upwards: (token: T) => T | undefined,
  atTop: (token: T, top: Top<T>) => void,
): void {
  const rest = [start];
  for (let token = rest.pop(); token !== undefined; token = rest.pop()) {
    const top = kin.top(token) as Top<T>;
    atTop(token, top);
    for (const relay of top.relays ?? []) {
      const next = upwards(relay);
      if (next !== undefined) rest.push(next);
    }
  }
}

/** Settles a token that has several parents somewhere above it. */
export function settle<T>(start: T, kin: Kin<T>): void {
  // Live, but only as long as a signal says so: asked once in this walk, never stamped.
  const unsure = new Set<T>();
  parentsFirst(
    start,
    (token) => parentsOf(token, kin),
    (token) => !kin.settled(token) && !unsure.has(token),
    (token) => {
      if (!decide(token, kin, unsure)) unsure.add(token);
    },
  );
}

/** @returns false when the token is live but hangs on a signal */
function decide<T>(token: T, kin: Kin<T>, unsure: ReadonlySet<T>): boolean {
  const top = kin.top(token);
  if (top?.foreign !== undefined) {
    kin.askSignal(token);
    return kin.settled(token);
  }
  const parents = parentsOf(token, kin);
  const cancelled = parents.filter((parent) => kin.cancelled(parent));
  const all = top?.all === true;
  if (cancelled.length > 0 && (!all || cancelled.length === parents.length)) {
    // Of several cancels the first one cancelled "any" of the parents, the last one "all" of them.
    const later = all ? 1 : -1;
    kin.adopt(
      token,
      cancelled.reduce((a, b) => ((kin.order(b) - kin.order(a)) * later > 0 ? b : a)),
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
    if (kin.top(token)?.relays !== undefined) return Math.min(least, joinedDeadline(token, kin));
    least = Math.min(least, kin.deadline(token));
  }
  return least;
}

function joinedDeadline<T>(start: T, kin: Kin<T>): number {
  const known = new Map<T, number>();
  const deadline = (token: T): number | undefined => (kin.closed(token) ? Number.POSITIVE_INFINITY : known.get(token));
  const above = (token: T): number => {
    const parents = parentsOf(token, kin);
    const earliest = (a: number, parent: T): number => Math.min(a, deadline(parent) as number);
    const latest = (a: number, parent: T): number => Math.max(a, deadline(parent) as number);
    if (kin.top(token)?.all !== true) return parents.reduce(earliest, Number.POSITIVE_INFINITY);
    // Those that are cancelled already are waited for no more.
    const left = parents.filter((parent) => !kin.cancelled(parent));
    return (left.length > 0 ? left : parents).reduce(latest, Number.NEGATIVE_INFINITY);
  };
  settle(start, kin);
  parentsFirst(
    start,
    (token) => parentsOf(token, kin),
    (token) => deadline(token) === undefined,
    (token) => known.set(token, Math.min(kin.deadline(token), above(token))),
  );
  return known.get(start) as number;
}

/** Whether anything can still cancel a token: a source of its own, or a parent for which the same holds. */
export function canBeCancelled<T>(start: T, kin: Kin<T>): boolean {
  const known = new Map<T, boolean>();
  const answer = (token: T): boolean | undefined => {
    if (kin.closed(token)) return false;
    const sourceless = kin.top(token)?.derived === true && !kin.cancelled(token);
    return sourceless ? known.get(token) : true;
  };
  const parents = (token: T): readonly T[] => (kin.top(token)?.relays ?? []).map((relay) => kin.parent(relay) as T);
  const all = (token: T): boolean => kin.top(token)?.all === true;
  parentsFirst(
    start,
    // One parent that can be cancelled is enough for "any": the others need not be asked.
    (token) => (!all(token) && parents(token).some(answer) ? [] : parents(token)),
    (token) => answer(token) === undefined,
    (token) => known.set(token, all(token) ? parents(token).every(answer) : parents(token).some(answer)),
  );
  return answer(start) as boolean;
}

/**
 * The nearest hook for errors of callbacks: the token's own, else an ancestor's.
 *
 * @param known what was found so far: many failures along one deep chain must not climb it again and again
 */
export function hookOf<T>(start: T, kin: Kin<T>, known: Hooks<T>): CallbackErrorHook | undefined {
  const path: T[] = [];
  let hook: CallbackErrorHook | undefined;
  for (let token: T | undefined = start; token !== undefined; token = parentsOf(token, kin)[0]) {
    hook = known.get(token) ?? kin.hook(token);
    if (hook !== undefined || known.has(token)) break;
    path.push(token);
  }
  for (const token of path) known.set(token, hook);
  return hook;
}
