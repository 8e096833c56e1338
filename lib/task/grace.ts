// How long one waits for a task that was cancelled, and what becomes of a task that nobody waits for any more.
import type { CancellationToken } from '../core/index.ts';
import { afterAwake } from './awake.ts';
import { AbandonedError, type Outcome, stoppedBy } from './outcome.ts';

/** Gets an outcome that nobody waits for any more. */
export type OnLate<T> = (outcome: Outcome<T>) => void;

/**
 * Calls `giveUp` when the token has been cancelled for so long.
 *
 * @returns takes it back; idempotent
 */
export function afterGrace(token: CancellationToken, graceMs: number, giveUp: () => void): () => void {
  if (graceMs === Number.POSITIVE_INFINITY) return () => undefined;
  let disarm: (() => void) | undefined;
  const registration = token.onCancel({
    onCancelled() {
      disarm = afterAwake(graceMs, giveUp);
    },
  });
  return () => {
    registration.unregister();
    disarm?.();
  };
}

/**
 * Waits for a task to end, but after its token's cancel no longer than `graceMs`.
 *
 * @param ended how the task ends; never rejects
 * @param onLate gets the outcome of a task that was left running
 */
export function orAbandoned<T>(
  ended: Promise<Outcome<T>>,
  token: CancellationToken,
  graceMs: number,
  onLate?: OnLate<T>,
): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    const takeBack = afterGrace(token, graceMs, () => {
      resolve({ ...stoppedBy(token), suppressed: [new AbandonedError(graceMs, ended)] });
      if (onLate !== undefined) void ended.then((outcome) => hand(outcome, onLate));
    });
    void ended.then((outcome) => {
      takeBack();
      resolve(outcome);
    });
  });
}

/**
 * Waits for a task to end, but not beyond the token's cancel: then it answers with the stop at once.
 *
 * @param ended how the task ends; never rejects
 * @param onLate gets the outcome that came later
 */
export function orLeft<T>(
  ended: Promise<Outcome<T>>,
  token: CancellationToken,
  onLate?: OnLate<T>,
): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    const registration = token.onCancel({ onCancelled: () => resolve(stoppedBy(token)) });
    void ended.then((outcome) => {
      const heard = registration.unregister() || !token.cancelled;
      if (heard) resolve(outcome);
      else if (onLate !== undefined) hand(outcome, onLate);
    });
  });
}

/** What the hook throws is the error of a listener: nobody here can answer for it, and nobody may lose it. */
function hand<T>(outcome: Outcome<T>, onLate: OnLate<T>): void {
  try {
    onLate(outcome);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** Waits for a promise, but no longer than `ms`; what becomes of it later is then nobody's concern. */
export async function atMost(ms: number, promise: Promise<void>): Promise<void> {
  if (ms === Number.POSITIVE_INFINITY) return promise;
  let disarm: (() => void) | undefined;
  const limit = new Promise<void>((resolve) => {
    disarm = afterAwake(ms, resolve);
  });
  try {
    await Promise.race([promise, limit]);
  } finally {
    disarm?.();
  }
}
