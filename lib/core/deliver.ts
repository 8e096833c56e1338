// Running one callback: whatever it throws, now or later, is kept for the report and stops nothing else.
import type { Cancellation } from './cancellation.ts';
import { instrument } from './instrument.ts';
import { type Registration, running, take } from './registration.ts';
import { aggregate, type CallbackErrorHook, type Hooks, report } from './report.ts';

/** Finds the hook that answers for a token; what it learns on the way it adds to `known`. */
export type HookOf<T> = (token: T, known: Hooks<T>) => CallbackErrorHook | undefined;

/** One pass of callbacks over a subtree. */
export class Pass {
  readonly cancellation: Cancellation;
  /** Asked only when something failed. */
  readonly #hookOf: HookOf<object>;
  /** Collects the async callbacks where somebody waits for them to settle. */
  readonly settling: Promise<void>[] | undefined;
  #failures: { token: object; error: unknown }[] | undefined;

  constructor(cancellation: Cancellation, hookOf: HookOf<never>, settling?: Promise<void>[]) {
    this.cancellation = cancellation;
    this.#hookOf = hookOf as HookOf<object>;
    this.settling = settling;
    this.#failures = undefined;
  }

  /** Runs the callback of a registration that has left its token's list. */
  run(registration: Registration, token: object): void {
    const callback = take(registration);
    try {
      const result: unknown =
        typeof callback === 'function' ? callback(this.cancellation.error) : callback.onCancelled(token as never);
      if (result !== undefined && isPromise(result)) this.#watch(registration, result, token);
      else instrument?.callbackRan?.(token, false);
    } catch (error) {
      this.#fail(token, error);
    }
  }

  #fail(token: object, error: unknown): void {
    instrument?.callbackRan?.(token, true);
    this.#failures ??= [];
    this.#failures.push({ token, error });
  }

  /** Hands what failed so far to the hooks. */
  report(): void {
    const failures = this.#failures;
    this.#failures = undefined;
    if (failures === undefined) return;
    const known: Hooks<object> = new Map();
    report(failures.map(({ token, error }) => ({ hook: this.#hookOf(token, known), error })));
  }

  /** Throws what failed, for the one who waits for the pass. */
  rethrow(): void {
    if (this.#failures !== undefined) throw aggregate(this.#failures.map((failure) => failure.error));
  }

  /** Follows an async callback to its end. Its rejection never goes unhandled. */
  #watch(registration: Registration, result: PromiseLike<unknown>, token: object): void {
    const settled = Promise.resolve(result).then(
      () => instrument?.callbackRan?.(token, false),
      (error: unknown) => {
        this.#fail(token, error);
        if (this.settling === undefined) this.report();
      },
    );
    running(registration, settled);
    this.settling?.push(settled);
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function';
}
