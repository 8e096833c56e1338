// A busy loop hears nothing: neither its peer nor its deadline, as both come by the event loop. So it comes up for air.
//
// How long the thread has been busy concerns all loops on it, so there is one reckoning for all. Reading the clock costs
// ten times the rest; it is read only every `stride` calls, a number that follows the pace of the calls.
import { type Cancellable, type CancellationToken, clock, toToken } from '../core/index.ts';
import { checkLimit } from './options.ts';

export interface CheckpointOptions {
  /** How long the thread may be kept busy before it yields, in milliseconds. Default 5. */
  readonly everyMs?: number | undefined;
}

const EVERY_MS = 5;
/** A stride should take about this long: less is a waste of clock readings, more would come too late. In milliseconds. */
const BRISK_MS = 0.25;
const SLOW_MS = 0.75;
/** Bounds by how much a loop that slows down overshoots. */
const LONGEST_STRIDE = 64;

let stride = 1;
/** Calls until the clock is read. */
let left = 1;
let readAt = 0;
/** When a loop last came back from the event loop. */
let airedAt = Number.NEGATIVE_INFINITY;

/**
 * Checks the token and, when this thread has been busy for `everyMs`, lets the event loop serve sockets and timers first.
 *
 * While it is not due, it costs some nanoseconds and returns undefined, so that a hot loop need not await it. How often it
 * looks at the clock follows the pace of the calls before, at least once in 64 of them: where quick calls turn slow, up to 64
 * slow ones pass before it first yields, however long they take.
 *
 * Cancellation: throws the token's error, or rejects with it when the cancel came while it yielded.
 *
 * @returns a promise of the way back when it yields
 * @throws TypeError or RangeError for bad arguments
 *
 * @example
 * for (const row of rows) {
 *   const due = checkpoint(token);
 *   if (due) await due;
 *   crunch(row);
 * }
 */
export function checkpoint(token: Cancellable, options?: CheckpointOptions): Promise<void> | undefined {
  const own = toToken('token', token);
  const everyMs = options?.everyMs ?? EVERY_MS;
  if (options !== undefined) checkLimit('everyMs', everyMs);
  own.throwIfCancelled();
  return --left > 0 || !due(everyMs) ? undefined : air(own);
}

function due(everyMs: number): boolean {
  const now = clock.now();
  const took = now - readAt;
  if (took > SLOW_MS) stride = Math.max(stride >> 1, 1);
  else if (took < BRISK_MS) stride = Math.min(stride << 1, LONGEST_STRIDE);
  readAt = now;
  left = stride;
  // Less than nothing: another clock was put in place.
  return now - airedAt >= everyMs || now < airedAt;
}

async function air(token: CancellationToken): Promise<void> {
  await turn();
  airedAt = readAt = clock.now();
  // Another loop may run now, at another pace.
  stride = left = 1;
  token.throwIfCancelled();
}

type Host = { setImmediate?(fn: () => void): unknown };

/** Taken at the start, so that fake timers do not hold a loop that only wants air. */
const { setImmediate } = globalThis as Host;

/** One turn of the event loop. A microtask would be none: sockets and timers wait for the last of them. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (setImmediate !== undefined) setImmediate(resolve);
    else {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(undefined);
    }
  });
}
