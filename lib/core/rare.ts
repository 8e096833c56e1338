import type { CallbackErrorHook } from './report.ts';

/** What few tokens have, in one object made on first use; `T` is the token, which stands above this file. */
export class Rare<T> {
  name: string | undefined = undefined;
  hook: CallbackErrorHook | undefined = undefined;
  /** The token's signal; one that is foreign, or made after the cancel, has no controller. */
  signal: AbortSignal | undefined = undefined;
  controller: AbortController | undefined = undefined;
  /** The token of several parents that this relay belongs to. */
  relayTo: T | undefined = undefined;
  /** Where the way up does not lead to one parent: it branches, or ends at a signal. */
  top: Top<T> | undefined = undefined;
}

/** What a token has above it in place of a parent. */
export class Top<T> {
  /** The signal that the token follows; `unfollow` is set while it is listened to. */
  foreign: AbortSignal | undefined = undefined;
  unfollow: (() => void) | undefined = undefined;
  /** A token of several parents has a relay, a token of its own, below each; cancelled when any or `all` of them are. */
  relays: readonly T[] | undefined = undefined;
  all = false;
  /** No source holds it: it can be cancelled only as long as a parent can. */
  derived = false;
}
