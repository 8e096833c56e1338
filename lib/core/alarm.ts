// One queue and one platform timer for all deadlines, where a timer may stand for several.
//
// Invariants
// 1. `heap` is a 4-ary heap ordered by (at, order): a parent in the heap is never later than its children.
// 2. An alarm enters the heap when it is set. Taken back, it lets go of its owner and stays until it comes to the top or
//    the heap is weeded: nearly all deadlines are taken back, and to take each out of its place costs as much as all the
//    rest of a request. Those that stay are never more than those that are set, or WEEDS.
// 3. While an alarm is set, a timer is armed for the earliest one or before it. Taking an alarm back leaves the timer
//    alone: a wake-up for nothing is cheaper than a re-arm for each of the deadlines that never pass.
// 4. In Cloudflare's workers a timer is gone with the request that set it, and what it calls may touch nothing of another
//    request's. There each alarm has a timer of its own, and the heap is empty.
import { clock, onClockSwap } from './clock.ts';

/** One deadline of one owner. `at` outlives the alarm's being set, as a cancelled token still tells its deadline. */
export class Alarm {
  readonly at: number;
  order = 0;
  /** There from when the alarm is set until it rings or is taken back. */
  owner: object | undefined = undefined;

  constructor(at: number) {
    this.at = at;
  }

  get set(): boolean {
    return this.owner !== undefined;
  }
}

/** What an alarm does to its owner; the one file that sets alarms fills this slot. */
let ring: (owner: object, at: number) => void;
export function onRing(rung: typeof ring): void {
  ring = rung;
}

const timersBelongToRequests =
  (globalThis as { navigator?: { userAgent?: string } }).navigator?.userAgent === 'Cloudflare-Workers';

/** What takes back an alarm's own timer. A request may end with its deadline set, and nobody is told: nothing of it is to stay. */
const ownTimers = new WeakMap<Alarm, () => void>();

/** So many alarms that were taken back are not worth a walk over the heap. */
const WEEDS = 64;

/** A timer this late, in milliseconds, is not late: it belonged to fake timers that have been put back meanwhile. */
const STALE = 1000;

const heap: Alarm[] = [];
/** How many of them are set. */
let pending = 0;
let orders = 0;
let armedAt = Number.POSITIVE_INFINITY;
let disarm: (() => void) | undefined;

onClockSwap(() => {
  disarm?.();
  disarm = undefined;
  armedAt = Number.POSITIVE_INFINITY;
  if (pending > 0 && !timersBelongToRequests) arm(clock.now());
});

/** Sets an alarm, once. Among equal times the one set first rings first. @param now the clock's time */
export function setAlarm(alarm: Alarm, owner: object, now: number): void {
  alarm.owner = owner;
  alarm.order = ++orders;
  pending++;
  if (timersBelongToRequests) {
    ownTimers.set(
      alarm,
      clock.after(alarm.at - now, () => strike(alarm)),
    );
    return;
  }
  heap.push(alarm);
  rise(heap.length - 1, alarm);
  if (alarm.at < armedAt || armedAt + STALE < now) arm(now);
}

/** Takes an alarm back; does nothing when it is not set. */
export function clearAlarm(alarm: Alarm): void {
  if (alarm.owner === undefined) return;
  alarm.owner = undefined;
  pending--;
  if (timersBelongToRequests) ownTimers.get(alarm)?.();
  if (heap.length > 2 * pending + WEEDS) weed();
}

/** How many deadlines wait; for leak checks. */
export function pendingAlarms(): number {
  return pending;
}

/**
 * Rings now what is due. For whoever brings news from outside: an event loop that is behind hands it over before it looks
 * at its timers, and a deadline that passed before the news came is to be heard before it.
 */
export function ringDue(): void {
  if (pending === 0 || timersBelongToRequests || (heap[0] as Alarm).at > clock.now()) return;
  disarm?.();
  wake();
}

function strike(alarm: Alarm): void {
  const { owner } = alarm;
  clearAlarm(alarm);
  if (owner !== undefined) ring(owner, alarm.at);
}

function before(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function rise(from: number, alarm: Alarm): void {
  let at = from;
  while (at > 0) {
    const up = (at - 1) >> 2;
    const parent = heap[up] as Alarm;
    if (!before(alarm, parent)) break;
    heap[at] = parent;
    at = up;
  }
  // Nearly all come last and stay there; the place is theirs already.
  if (at !== from) heap[at] = alarm;
}

function sink(from: number, alarm: Alarm): void {
  const size = heap.length;
  let at = from;
  for (let first = 4 * at + 1; first < size; first = 4 * at + 1) {
    let least = first;
    const end = Math.min(first + 4, size);
    for (let i = first + 1; i < end; i++) if (before(heap[i] as Alarm, heap[least] as Alarm)) least = i;
    const child = heap[least] as Alarm;
    if (!before(child, alarm)) break;
    heap[at] = child;
    at = least;
  }
  heap[at] = alarm;
}

/** Leaves the alarms that are set, and puts them in order from the last parent up. */
function weed(): void {
  let size = 0;
  for (const alarm of heap) if (alarm.set) heap[size++] = alarm;
  heap.length = size;
  for (let at = (size - 2) >> 2; at >= 0; at--) sink(at, heap[at] as Alarm);
}

function removeFirst(): void {
  const last = heap.pop() as Alarm;
  if (heap.length > 0) sink(0, last);
}

function arm(now: number): void {
  disarm?.();
  const first = heap[0] as Alarm;
  armedAt = Math.max(first.at, now);
  disarm = clock.after(armedAt - now, wake);
}

function wake(): void {
  disarm = undefined;
  armedAt = Number.POSITIVE_INFINITY;
  const now = clock.now();
  try {
    for (let first = heap[0]; first !== undefined && (first.at <= now || !first.set); first = heap[0]) {
      removeFirst();
      strike(first);
    }
  } finally {
    if (pending > 0 && armedAt === Number.POSITIVE_INFINITY) arm(clock.now());
  }
}
