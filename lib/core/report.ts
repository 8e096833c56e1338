// What becomes of an error that a callback threw: it stops no other callback and never reaches the canceller. All
// errors of one pass go to the hook as one AggregateError; without a hook they are thrown on a microtask of their own,
// where the host reports them as it does for a listener's uncaught error.

export type CallbackErrorHook = (error: AggregateError) => void;

/** The hook that answers for each token; undefined: none does. */
export type Hooks<T> = Map<T, CallbackErrorHook | undefined>;

/** One callback's failure, with the hook that answers for the token it was registered on. */
export interface Failure {
  readonly hook: CallbackErrorHook | undefined;
  readonly error: unknown;
}

export function aggregate(errors: readonly unknown[]): AggregateError {
  const count = errors.length === 1 ? 'A callback' : `${errors.length} callbacks`;
  return new AggregateError(errors, `${count} of a cancelled token failed; all the others have run.`);
}

/** Hands the failures of one pass to their hooks, one AggregateError for each hook. */
export function report(failures: readonly Failure[]): void {
  const byHook = new Map<CallbackErrorHook | undefined, unknown[]>();
  for (const { hook, error } of failures) {
    const errors = byHook.get(hook);
    if (errors === undefined) byHook.set(hook, [error]);
    else errors.push(error);
  }
  for (const [hook, errors] of byHook) {
    if (hook === undefined) uncaught(aggregate(errors));
    else {
      try {
        hook(aggregate(errors));
      } catch (error) {
        uncaught(error);
      }
    }
  }
}

function uncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
