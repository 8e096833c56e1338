import * as acx from 'abort-controller-x';
import type { Cancellable, CancellationToken } from '../core/index.ts';
import { checkFunction, inside, revealed, under } from './bridge.ts';

/** What the function of a {@link spawn} works with. */
export interface SpawnEffects {
  /** Registers a function for the end; the newest runs first, each after the one before has ended. */
  defer(fn: () => void | Promise<void>): void;
  /** Runs a function in the background; its failure cancels the others, and its end is waited for. */
  fork<T>(fn: (token: CancellationToken) => Promise<T>): ForkTask<T>;
}

/** A function in the background. */
export interface ForkTask<T> {
  /** Cancels this function alone. */
  abort(): void;
  /** What the function yields. */
  join(): Promise<T>;
}

/**
 * Runs a function that may fork others and defer clean-up; when it ends, its forks are cancelled and waited for.
 *
 * Of several errors the last one comes out, and clean-up that hangs hangs it; see `scope`, which keeps all errors, limits
 * clean-up, and waits for its tasks instead of cancelling them. Unlike the original, the reason of the cancel comes
 * through, a fork does not miss a cancel while it begins, and one that throws at once is a failure as any other.
 *
 * Cancellation: rejects with the token's error, after the forks and the clean-up have ended.
 *
 * @throws TypeError for bad arguments
 */
export function spawn<T>(
  token: Cancellable,
  fn: (token: CancellationToken, effects: SpawnEffects) => Promise<T>,
): Promise<T> {
  checkFunction('fn', fn);
  return under(token, (signal, own) =>
    acx.spawn(signal, (inner, { defer, fork }) => {
      const effects: SpawnEffects = {
        defer,
        fork: (forked) => {
          checkFunction('fn', forked);
          const task = fork((mine) => inside(own, mine, forked));
          return {
            abort: () => task.abort(),
            join: () =>
              task.join().catch((error) => {
                throw revealed(error, own);
              }),
          };
        },
      };
      return inside(own, inner, (mine) => fn(mine, effects));
    }),
  );
}
