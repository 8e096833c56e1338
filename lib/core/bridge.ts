// Where a token meets what is not its one parent: several parents, a foreign signal, a signal of its own.
import { instrument } from './instrument.ts';
import { SignalOwner, unlimited } from './signal.ts';
import { type CancellationToken, tree } from './tree.ts';

/** A token of several parents, all of them live: cancelled when any of them is, or all are. */
export function joinTokens(parents: readonly CancellationToken[], all: boolean): CancellationToken {
  const token = tree.createUnsure();
  const rare = tree.rare(token);
  rare.all = all;
  rare.relays = parents.map((parent) => {
    const relay = tree.createUnsure(parent);
    tree.rare(relay).relayTo = token;
    return relay;
  });
  instrument?.created?.(token, parents);
  return token;
}

/** The one token that follows a signal: its own where it is a token's signal, else made on first use. */
export function followSignal(signal: AbortSignal): CancellationToken {
  const owner = SignalOwner.of(signal);
  if (owner !== undefined) return owner as CancellationToken;
  const token = tree.createUnsure();
  const rare = tree.rare(token);
  rare.derived = true;
  rare.foreign = signal;
  // What only behaves like a signal does not do where a real one is asked for: then the token makes one.
  if (signal instanceof AbortSignal) rare.signal = unlimited(signal);
  SignalOwner.set(signal, token);
  instrument?.created?.(token, []);
  return token;
}

/** A signal that a token follows was aborted; a poll may have found out before the event came. */
export function arrived(token: CancellationToken): void {
  if (!token.cancelled) return;
  tree.unlink(token);
  tree.deliver(token);
}

/** Makes a token's own signal, which the delivery of a cancel aborts. */
export function newSignal(token: CancellationToken): AbortSignal {
  const rare = tree.rare(token);
  if (token.cancelled) rare.signal = AbortSignal.abort(tree.kin.cancellation(token)?.signalReason);
  else {
    const controller = new AbortController();
    rare.signal = controller.signal;
    if (tree.live(token)) {
      const observed = tree.observed(token);
      rare.controller = controller;
      if (!observed) tree.link(token);
    }
  }
  SignalOwner.set(rare.signal, token);
  return unlimited(rare.signal);
}
