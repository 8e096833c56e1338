import { checkFunction } from './argument.ts';
import { CancellationToken } from './source.ts';

/** Calls `fn` with `token` as the current one. */
type Run = <T>(token: CancellationToken, fn: () => T) => T;

const plainly: Run = (_token, fn) => fn();

let current: () => CancellationToken = () => CancellationToken.none;
let run = plainly;

/**
 * Which token is current here? `none`, until `nevermind/ambient` fills this slot; so the libraries above ask without
 * paying for AsyncLocalStorage, or needing it.
 */
export function currentToken(): CancellationToken {
  return current();
}

/** Calls `fn` with `token` as the current one where the slot is filled, else just calls it. @returns what `fn` returns */
export function runAsCurrent<T>(token: CancellationToken, fn: () => T): T {
  return run(token, fn);
}

/**
 * Fills the slot.
 *
 * @param next says which token is current
 * @param nextRun makes one current for a call; without it {@link runAsCurrent} just calls
 * @returns puts back what was there
 */
export function setCurrentToken(next: () => CancellationToken, nextRun: Run = plainly): () => void {
  checkFunction('next', next);
  checkFunction('nextRun', nextRun);
  const before = { current, run };
  current = next;
  run = nextRun;
  return () => {
    ({ current, run } = before);
  };
}
