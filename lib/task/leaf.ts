import type { CancellationToken, Registration } from '../core/index.ts';

/**
 * A wait for something outside, which ends as soon as it happens or the token is cancelled, whichever comes first.
 *
 * Invariants
 * 1. What is already cancelled does not begin.
 * 2. It listens to the token before it begins, so that a cancel from within `begin` is not missed; that looks at the token once
 *    more, and another thread may have cancelled it meanwhile.
 * 3. It has let go of the token and of what it waits for before anybody hears of its end.
 *
 * @param begin starts waiting, and returns what lets go again; what either throws ends the wait
 */
export function leaf<T>(
  token: CancellationToken,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  if (token.cancelled) return Promise.reject(token.error);
  return new Promise((resolve, reject) => {
    let letGo: (() => void) | undefined;
    let registration: Registration | undefined;
    let waiting = true;
    const end = (settle: () => void): void => {
      if (!waiting) return;
      waiting = false;
      registration?.unregister();
      try {
        letGo?.();
        settle();
      } catch (error) {
        reject(error);
      }
    };
    const fail = (error: unknown): void => end(() => reject(error));
    registration = token.onCancel({ onCancelled: () => fail(token.error) });
    if (!waiting) return;
    try {
      letGo = begin((value) => end(() => resolve(value)), fail);
      if (!waiting) letGo();
    } catch (error) {
      fail(error);
    }
  });
}
