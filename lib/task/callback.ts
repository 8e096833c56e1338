import type { CancellationToken, Registration } from '../core/index.ts';

/** A function that takes Node's kind of callback last: `(error, value) => void`. */
export type NodeStyle<A extends unknown[], T> = (...args: [...A, (error: unknown, value: T) => void]) => unknown;

/**
 * Calls such a function, for the first thing that its callback tells.
 *
 * @param cancel is called at most once, while the callback is awaited, with what the function returned
 */
export function called<A extends unknown[], T>(
  fn: NodeStyle<A, T>,
  args: A,
  token: CancellationToken,
  cancel: ((returned: unknown) => void) | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let waiting = true;
    let registration: Registration | undefined;
    const returned = fn(...args, (error, value) => {
      waiting = false;
      registration?.unregister();
      if (error === undefined || error === null) resolve(value);
      else reject(error);
    });
    // Only now is there something to cancel; of a cancel that came meanwhile it is told at once.
    if (waiting && cancel !== undefined) registration = token.onCancel({ onCancelled: () => cancel(returned) });
  });
}
