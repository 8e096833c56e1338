// Where a token meets what is not its one parent: several parents, a foreign signal, a signal of its own.
import { instrument } from './instrument.ts';
import { lift, SignalOwner, unlimited } from './signal.ts';
import { type CancellationToken, tree } from './tree.ts';

/** A token of several parents, all of them live: cancelled when any of them is, or all are. */
export function joinTokens(parents: readonly CancellationToken[], all: boolean): CancellationToken {
  const token = tree.createUnsure();
  const top = tree.top(token);
  top.all = all;
  top.relays = parents.map((parent) => {
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
  tree.top(token).foreign = signal;
  // What only behaves like a signal does not do where a real one is asked for: then the token makes one.
  if (signal instanceof AbortSignal) tree.rare(token).signal = lift(signal);
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
  const signal = token.cancelled ? abortedSignal(token) : liveSignal(token);
  tree.rare(token).signal = signal;
  SignalOwner.set(signal, token);
  return signal;
}

function abortedSignal(token: CancellationToken): AbortSignal {
  const reason = tree.cancellation(token).signalReason;
  return unlimited(() => AbortSignal.abort(reason));
}

function liveSignal(token: CancellationToken): AbortSignal {
  const controller = new AbortController();
  if (tree.live(token)) {
    const observed = tree.observed(token);
    tree.rare(token).controller = controller;
    if (!observed) tree.link(token);
  }
  return unlimited(() => controller.signal);
}
