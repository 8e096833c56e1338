import { checkFunction } from './argument.ts';
import { CancellationToken } from './source.ts';

let current: () => CancellationToken = () => CancellationToken.none;

/**
 * Which token is current here? `none`, until `nevermind/ambient` fills this slot; so the libraries above ask without
 * paying for AsyncLocalStorage, or needing it.
 */
export function currentToken(): CancellationToken {
  return current();
}

/** Fills the slot. @returns puts back what was there */
export function setCurrentToken(next: () => CancellationToken): () => void {
  checkFunction('next', next);
  const before = current;
  current = next;
  return () => {
    current = before;
  };
}
