// Matchers for `expect.extend`, in the form that vitest and jest share; so this file needs neither.
import { setImmediate } from 'node:timers/promises';
import { type Cancellable, CancellationSource, type CancelReason, toToken } from '../core/index.ts';
import { AbandonedError, type Outcome, run, type Task } from '../task/index.ts';
import { currentFake } from './fake-clock.ts';

/** What a matcher tells its runner. */
export interface Verdict {
  readonly pass: boolean;
  message(): string;
}

/** For the types of vitest: `declare module 'vitest' { interface Matchers<T> extends CancellationMatchers<T> {} }` */
export interface CancellationMatchers<R> {
  /** A token or a signal is cancelled, for the reason if one is given. */
  toBeCancelled(reason?: CancelReason): R;
  /** An outcome, or the promise of one when awaited by `.resolves`, is a stop, for the reason if one is given. */
  toBeStopped(reason?: CancelReason): R;
  /**
   * A task, once started and then cancelled, ends within so many milliseconds. Waits by the library's clock; a fake clock
   * that is in place is advanced. The expectation must be awaited.
   */
  toStopWithin(ms: number): Promise<R>;
}

/** Hand them to `expect.extend`. */
export const matchers: {
  toBeCancelled(received: Cancellable, reason?: CancelReason): Verdict;
  toBeStopped(received: Outcome<unknown>, reason?: CancelReason): Verdict;
  toStopWithin(received: Task<unknown>, ms: number): Promise<Verdict>;
} = {
  toBeCancelled(received, reason) {
    const token = toToken('received', received);
    return {
      pass: token.cancelled && (reason === undefined || token.reason === reason),
      message: () => `Expected the token to be cancelled${because(reason)}, it is ${token.reason ?? 'live'}.`,
    };
  },

  toBeStopped(received, reason) {
    const { kind } = received;
    const seen = received.kind === 'stopped' ? received.error.reason : undefined;
    return {
      pass: kind === 'stopped' && (reason === undefined || seen === reason),
      message: () => `Expected the outcome to be stopped${because(reason)}, it is ${kind}${because(seen)}.`,
    };
  },

  async toStopWithin(received, ms) {
    const source = new CancellationSource();
    const running = run(received, { token: source.token, graceMs: ms });
    let over = false;
    void running.then(() => {
      over = true;
    });
    await setImmediate();
    const early = over;
    source.cancel();
    await currentFake()?.advanceAsync(ms);
    const { suppressed = [] } = await running;
    const late = suppressed.some((error) => error instanceof AbandonedError);
    const seen = early ? 'it had ended before it was cancelled' : late ? 'it had not ended by then' : 'it has ended';
    return {
      pass: !early && !late,
      message: () => `Expected the task to end within ${ms} ms of its cancel; ${seen}.`,
    };
  },
};

function because(reason: CancelReason | undefined): string {
  return reason === undefined ? '' : ` (${reason})`;
}
