// The rules of tasks, once more and from scratch, without a promise: when each part of a tree ends and how, given when it
// starts and when it is cancelled. Each rule is a function of times, as all that happens before a cancel is independent of it.
import type { Branch, End, Leaf, Plan } from './plan.ts';

export interface Ending {
  readonly end: number;
  readonly kind: End;
  readonly value: unknown;
  /** What errors are told of: of an error, the one that decided first. */
  readonly errors: readonly string[];
}

const NEVER = Number.POSITIVE_INFINITY;

/** Every branch's ending by its id. A branch that never started has none. */
export function foretell(plan: Plan, start: number, cancelled: number): Map<number, Ending> {
  const told = new Map<number, Ending>();
  tell(plan, start, cancelled, told);
  return told;
}

function tell(plan: Plan, start: number, cancelled: number, told: Map<number, Ending>): Ending {
  if (plan.op === 'leaf') return leaf(plan, start, cancelled);
  const guess = (child: Plan, from: number, until: number): Ending => tell(child, from, until, new Map());
  const tellChild = (child: Plan, from: number, until: number): Ending => tell(child, from, until, told);
  const ending = branch(plan, start, cancelled, tellChild, guess);
  told.set(plan.id, ending);
  return ending;
}

/** Foretells one child: from when, and until which cancel. A guess is for what comes first, and notes nothing. */
type Tell = (child: Plan, from: number, until: number) => Ending;

function leaf(plan: Leaf, start: number, cancelled: number): Ending {
  const natural = start + plan.at;
  if (cancelled > natural || !plan.heeds) return ended(plan, natural, plan.end);
  return ended(plan, cancelled + plan.cleanup, plan.late);
}

function ended({ id }: Leaf, end: number, kind: End): Ending {
  return { end, kind, value: kind === 'value' ? id : undefined, errors: kind === 'error' ? [`error ${id}`] : [] };
}

function branch(plan: Branch, start: number, cancelled: number, tellChild: Tell, guess: Tell): Ending {
  const [first, second] = plan.children as [Plan, Plan];
  if (cancelled <= start && plan.op !== 'shield') return stop(start);
  switch (plan.op) {
    case 'run':
      return bare(tellChild(first, start, cancelled));
    case 'deadline':
      return bare(tellChild(first, start, Math.min(cancelled, start + plan.ms)));
    case 'shield': {
      const child = tellChild(first, start, NEVER);
      return child.kind !== 'error' && cancelled <= child.end ? stop(child.end, passedOn(child)) : bare(child);
    }
    case 'optional': {
      const child = tellChild(first, start, cancelled);
      if (child.kind === 'error') return child;
      if (cancelled <= child.end) return stop(child.end, passedOn(child));
      return value(child.end, child.kind === 'stop' ? undefined : { value: child.value });
    }
    case 'upon': {
      const child = tellChild(first, start, cancelled);
      if (child.kind === 'error') return child;
      if (cancelled <= child.end) return stop(child.end, passedOn(child));
      return bare(child.kind === 'stop' ? tellChild(second, child.end, cancelled) : child);
    }
    case 'waitFor':
      return waitFor(plan, start, cancelled, tellChild);
    case 'stopWhen':
      return stopWhen(plan, start, cancelled, tellChild, guess);
    default:
      return group(plan, start, cancelled, tellChild, guess);
  }
}

function waitFor(plan: Branch, start: number, cancelled: number, tellChild: Tell): Ending {
  const limit = start + plan.ms;
  const child = tellChild(plan.children[0] as Plan, start, Math.min(cancelled, limit));
  if (cancelled <= child.end) return stop(child.end, passedOn(child));
  if (child.kind === 'value') return value(child.end, { value: child.value });
  return child.kind === 'stop' && limit <= child.end ? value(child.end, undefined, child.errors) : child;
}

function stopWhen(plan: Branch, start: number, cancelled: number, tellChild: Tell, guess: Tell): Ending {
  const [task, trigger] = plan.children as [Plan, Plan];
  const alone = [task, trigger].map((child) => guess(child, start, cancelled).end);
  const decided = Math.min(...alone);
  // Whoever comes first is not touched by the cancel that it brings upon the other.
  const both = [task, trigger].map((child, place) =>
    tellChild(child, start, (alone[place] as number) <= decided ? cancelled : Math.min(cancelled, decided)),
  ) as [Ending, Ending];
  const [ofTask, ofTrigger] = both;
  const end = Math.max(ofTask.end, ofTrigger.end);
  const byTask = alone[0] === decided;
  const inOrder = (byTask ? both : [ofTrigger, ofTask]).flatMap(passedOn);
  if (cancelled <= end) return stop(end, inOrder);
  if (!byTask && ofTrigger.kind === 'error') return { ...ofTrigger, end, errors: inOrder };
  if (ofTask.kind === 'value') return value(end, { value: ofTask.value }, inOrder);
  if (ofTask.kind === 'error') return { ...ofTask, end, errors: [...ofTask.errors, ...passedOn(ofTrigger)] };
  return byTask ? stop(end, inOrder) : value(end, undefined, inOrder);
}

/** waitAny, waitAll and scope: they differ in what decides, and in what they yield when nothing does. */
function group(plan: Branch, start: number, cancelled: number, tellChild: Tell, guess: Tell): Ending {
  const alone = plan.children.map((child) => guess(child, start, cancelled));
  const decides = alone.map(({ end, kind }) => (plan.op === 'any' || kind !== 'value' ? end : NEVER));
  const decided = Math.min(...decides);
  const stopped = Math.min(cancelled, decided);
  const both = alone.map(({ end }, place) =>
    tellChild(plan.children[place] as Plan, start, end <= decided ? cancelled : stopped),
  );
  const given = stopped + plan.grace;
  const inTime = both.filter(({ end }) => end < given).sort((a, b) => a.end - b.end);
  const left = both.flatMap(({ end }, place) => (end < given ? [] : [`left ${place}`]));
  const drained = left.length > 0 ? given : Math.max(...both.map(({ end }) => end));
  const index = decides.indexOf(decided);
  const decider = decided < given ? both[index] : undefined;
  const inOrder = [...new Set([...(decider === undefined ? [] : [decider]), ...inTime])].flatMap(passedOn);
  const unwinding = plan.cleanups.reduce((at, { ms }) => at + ms, drained);
  const failed = [...plan.cleanups].reverse().flatMap(({ fails, id }) => (fails ? [`error ${id}`] : []));
  const errors = [...inOrder, ...left, ...failed];
  if (cancelled <= unwinding) return stop(unwinding, errors);
  if (decider !== undefined) {
    const yielded = decider.kind === 'value' ? { index, value: decider.value } : undefined;
    return { end: unwinding, kind: decider.kind, value: yielded, errors };
  }
  if (errors.length > 0) return { end: unwinding, kind: 'error', value: undefined, errors };
  return value(unwinding, plan.op === 'scope' ? both[0]?.value : both.map((ending) => ending.value));
}

/** The same ending, as the task that called it hands it on. */
function bare(ending: Ending): Ending {
  return { ...ending, errors: passedOn(ending) };
}

/** What a task that ends so hands on as an exception: a value has no way to tell of the errors beside it. */
function passedOn({ kind, errors }: Ending): readonly string[] {
  return kind === 'value' ? [] : errors;
}

function stop(end: number, errors: readonly string[] = []): Ending {
  return { end, kind: 'stop', value: undefined, errors };
}

function value(end: number, of: unknown, errors: readonly string[] = []): Ending {
  return { end, kind: 'value', value: of, errors };
}
