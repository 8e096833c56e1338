// Matchers for `expect.extend`, in the form that vitest and jest share; so this file needs neither.
import { setImmediate } from 'node:timers/promises';
import { type Cancellable, CancellationToken, type CancelReason, clock, expected, toToken } from '../core/index.ts';
import { type Outcome, run, type Task } from '../task/index.ts';
import { currentFake, milliseconds } from './fake-clock.ts';

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
   * that is in place is advanced, which a clean-up that waits for the platform's timers or for a socket can't keep up with. The
   * expectation must be awaited.
   */
  toStopWithin(ms: number): Promise<R>;
}

/** What the runner tells a matcher. */
interface State {
  readonly isNot?: boolean;
}

/** Hand them to `expect.extend`. */
export const matchers: {
  toBeCancelled(this: State, received: Cancellable, reason?: CancelReason): Verdict;
  toBeStopped(this: State, received: Outcome<unknown>, reason?: CancelReason): Verdict;
  toStopWithin(this: State, received: Task<unknown>, ms: number): Promise<Verdict>;
} = {
  toBeCancelled(received, reason) {
    const token = toToken('received', received);
    const pass = token.cancelled && (reason === undefined || token.reason === reason);
    return verdict(pass, this, `the token to be cancelled${because(reason)}, it is ${token.reason ?? 'live'}.`);
  },

  toBeStopped(received, reason) {
    // A promise has no kind, and would be no stop whatever it came to.
    if (typeof (received as Partial<Outcome<unknown>> | undefined)?.kind !== 'string')
      throw new TypeError(expected('received', 'an outcome of run, its promise by `.resolves`', received));
    const seen = received.kind === 'stopped' ? received.error.reason : undefined;
    const pass = seen !== undefined && (reason === undefined || seen === reason);
    const is = `${received.kind}${because(seen)}`;
    return verdict(pass, this, `the outcome to be stopped${because(reason)}, it is ${is}.`);
  },

  async toStopWithin(received, ms) {
    milliseconds(ms);
    let over = false;
    const running = run(received, { token: CancellationToken.none });
    const ended = running.then(() => {
      over = true;
    });
    await setImmediate();
    const early = over;
    running.cancel();
    await atMost(ms, ended);
    const seen = early ? 'it had ended before it was cancelled' : over ? 'it has ended' : 'it had not ended by then';
    return verdict(over && !early, this, `the task to end within ${ms} ms of its cancel; ${seen}.`);
  },
};

/** Lets so much time pass, on the fake clock if there is one, but not more than is needed. */
async function atMost(ms: number, ended: Promise<void>): Promise<void> {
  let disarm: (() => void) | undefined;
  const limit = new Promise<void>((resolve) => {
    disarm = clock.after(ms, resolve);
  });
  await currentFake()?.advanceAsync(ms);
  await Promise.race([ended, limit]);
  disarm?.();
  // Whatever ends at the limit has ended within it.
  await setImmediate();
}

function verdict(pass: boolean, { isNot = false }: State, what: string): Verdict {
  return { pass, message: () => `Expected ${isNot ? 'not ' : ''}${what}` };
}

function because(reason: CancelReason | undefined): string {
  return reason === undefined ? '' : ` (${reason})`;
}
