// One queue and one platform timer for all deadlines.
//
// Invariants
// 1. `heap` is a 4-ary heap ordered by (at, order): a parent in the heap is never later than its children.
// 2. `heap[alarm.index] === alarm` for every set alarm; index is -1 for the others.
// 3. While the heap is not empty, a timer is armed for the earliest alarm or before it. Taking an alarm back leaves
//    the timer alone: a wake-up for nothing is cheaper than a re-arm for each of the deadlines that never pass.
import { clock, onClockSwap } from './clock.ts';

/** One deadline of one owner. `at` outlives the alarm's being set, as a cancelled token still tells its deadline. */
export class Alarm {
  at: number;
  index = -1;
  order = 0;
  readonly ring: (owner: unknown) => void;
  readonly owner: unknown;

  constructor(at: number, owner: unknown, ring: (owner: never) => void) {
    this.at = at;
    this.owner = owner;
    this.ring = ring as (owner: unknown) => void;
  }
}

/** A timer this late, in milliseconds, is not late: it belonged to fake timers that have been put back meanwhile. */
const STALE = 1000;

const heap: Alarm[] = [];
let orders = 0;
let armedAt = Number.POSITIVE_INFINITY;
let disarm: (() => void) | undefined;

onClockSwap(() => {
  disarm?.();
  disarm = undefined;
  armedAt = Number.POSITIVE_INFINITY;
  if (heap.length > 0) arm(clock.now());
});

/** Sets an alarm that is not set. Among equal times the one set first rings first. @param now the clock's time */
export function setAlarm(alarm: Alarm, now: number): void {
  alarm.order = ++orders;
  heap.push(alarm);
  rise(heap.length - 1, alarm);
  if (alarm.at < armedAt || armedAt + STALE < now) arm(now);
}

/** Takes an alarm back; does nothing when it is not set. */
export function clearAlarm(alarm: Alarm): void {
  const at = alarm.index;
  if (at < 0) return;
  alarm.index = -1;
  const last = heap.pop() as Alarm;
  if (last === alarm) return;
  if (at > 0 && before(last, heap[(at - 1) >> 2] as Alarm)) rise(at, last);
  else sink(at, last);
}

/** How many deadlines wait; for leak checks. */
export function pendingAlarms(): number {
  return heap.length;
}

/**
 * Rings now what is due. For whoever brings news from outside: an event loop that is behind hands it over before it looks
 * at its timers, and a deadline that passed before the news came is to be heard before it.
 */
export function ringDue(): void {
  const first = heap[0];
  if (first === undefined || first.at > clock.now()) return;
  disarm?.();
  wake();
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
    parent.index = at;
    at = up;
  }
  heap[at] = alarm;
  alarm.index = at;
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
    child.index = at;
    at = least;
  }
  heap[at] = alarm;
  alarm.index = at;
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
    for (let first = heap[0]; first !== undefined && first.at <= now; first = heap[0]) {
      clearAlarm(first);
      first.ring(first.owner);
    }
  } finally {
    if (heap.length > 0 && armedAt === Number.POSITIVE_INFINITY) arm(clock.now());
  }
}
