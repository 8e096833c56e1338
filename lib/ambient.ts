// The current token of an asynchronous call chain, in one AsyncLocalStorage that is made when somebody first asks for it:
// on Node 20 its mere existence makes every promise of the process dearer, and who passes tokens by hand is not to pay.
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Cancellable, CancellationToken, setCurrentToken, toToken } from './core/index.ts';

export { currentToken } from './core/index.ts';

let storage: AsyncLocalStorage<CancellationToken> | undefined;

/**
 * Calls `fn` with `token` as the current one, there and in all that it starts: across awaits, timers and streams.
 *
 * Calls nest, the innermost token counts; it replaces the outer one and is not linked to it (`currentToken().child()` is).
 * `CancellationToken.none` hides an outer token from work that is to outlive it. What takes the current token by itself
 * (`createFetch`, clients, the undici interceptor, tasks) is cancelled with it and carries its deadline.
 *
 * It does not stop `fn`, not even under a cancelled token; it cancels nothing and registers nothing. A callback belongs to
 * where it is called from, which for an EventEmitter's listener is the `emit`: docs/guide/ambient.md.
 *
 * @param token a signal stands for the token that follows it
 * @returns what `fn` returns; what it throws is passed on
 * @throws TypeError for anything else than a token or a signal, before `fn` is called
 */
export function runWithToken<T>(token: Cancellable, fn: () => T): T {
  // Asked before the general check, which costs a third of a whole `run` on Node 20 and 22.
  const current = token instanceof CancellationToken ? token : toToken('token', token);
  storage ??= open();
  return storage.run(current, fn);
}

function open(): AsyncLocalStorage<CancellationToken> {
  const opened = new AsyncLocalStorage<CancellationToken>();
  setCurrentToken(
    () => opened.getStore() ?? CancellationToken.none,
    (token, fn) => opened.run(token, fn),
  );
  return opened;
}
