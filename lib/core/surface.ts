// What a token, its source and a registration promise, in the order a reader needs it. The classes are in tree.ts.
import type { CancellationError } from './error.ts';
import type { Rare } from './rare.ts';
import type { CancelDetails, CancelReason } from './reason.ts';
import type { CallbackErrorHook } from './report.ts';

/** How a source begins. All times are in milliseconds. */
export interface ChildOptions {
  /** From now on; 0 or less: cancelled at once with `TIMEOUT`; Infinity: none. */
  readonly timeout?: number | undefined;
  /** Absolute, on the monotonic clock of `clock.now()`; past: cancelled at once with `TIMEOUT`; Infinity: none. */
  readonly deadline?: number | undefined;
  /** Shown by inspectors. */
  readonly name?: string | undefined;
  /** Gets what callbacks threw, one AggregateError for each cancel; asked for children too that have no own hook. */
  readonly onCallbackError?: CallbackErrorHook | undefined;
}

/**
 * What may be registered: a function, which gets the error; or an object with `onCancelled`, which gets the token, so
 * that no error has to be made for it and one object can serve any number of tokens (as DOM's EventListener does).
 */
export type CancelCallback<T> = ((error: CancellationError) => unknown) | { onCancelled(token: T): unknown };

/** The read side: it can ask and listen, and by no means cancel. */
export interface ReadSide {
  /**
   * Whether cancel was asked for. Always the live state: true as soon as `cancel()` of this token's source or of any
   * ancestor has begun, before the first callback runs. It does not say that the work has stopped.
   */
  readonly cancelled: boolean;
  /** False when nothing can cancel this token any more: it is closed, or it stems from such tokens alone. */
  readonly canBeCancelled: boolean;
  /** Why, once cancelled. The first reason stays. */
  readonly reason: CancelReason | undefined;
  /** The error of the cancel, one object for all tokens it reached; `=== signal.reason` unless a foreign signal began it. */
  readonly error: CancellationError | undefined;
  /** When the token times out: the least of its own deadline and its ancestors', on `clock.now()`; Infinity: never. */
  readonly deadline: number;
  /**
   * A real AbortSignal, made on first use and then always the same; nobody else can abort it.
   *
   * Inside another token's callback it may still be unaborted while `cancelled` is already true: its `abort` event
   * comes after the token's own callbacks. A token with a signal is held by its parent until it is cancelled or closed.
   */
  readonly signal: AbortSignal;
  /** Milliseconds until the deadline, never below 0; Infinity without one. */
  remaining(): number;
  /** Throws {@link error} when cancelled; does nothing else. */
  throwIfCancelled(): void;
}

/** A callback's place in a token. */
export interface Registered {
  /**
   * Takes the callback back. Idempotent, never waits.
   *
   * @returns true only if this call prevented the callback from running
   */
  unregister(): boolean;
  /** As {@link unregister}. */
  [Symbol.dispose](): void;
  /**
   * Takes the callback back and, where it is async and has begun, waits until it has settled. Called from inside the
   * callback, before its first await, it does not wait; after that await it would wait for itself.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The write side: whoever holds it decides. */
export interface Source<T> {
  /** The read side, always the same one. */
  readonly token: T;
  /**
   * Asks all work under the token to stop: marks the whole subtree, then runs callbacks. Never throws because of a
   * callback. It does not wait for anything to stop and undoes nothing.
   *
   * Ordering: a token's callbacks as they were registered, then the `abort` event of its signal, then its children, in
   * the order they were first listened to; a parent before its children.
   *
   * @param reason default `CANCELLED`
   * @param details a text for people and a cause
   * @returns true only to the call that made the request; false when already cancelled or closed
   * @throws TypeError for an unknown reason, before anything has happened
   */
  cancel(reason?: CancelReason, details?: CancelDetails): boolean;
  /**
   * As {@link cancel}, with the callbacks on a microtask: the state flips at once.
   *
   * @returns settles when every callback has, async ones included; rejects with the AggregateError of those that failed
   */
  cancelAsync(reason?: CancelReason, details?: CancelDetails): Promise<boolean>;
  /**
   * Sets the source's own deadline, in place of an earlier one. Does nothing once cancelled or closed.
   *
   * @param ms milliseconds from now; 0 or less: cancels with `TIMEOUT` before it returns; Infinity: no deadline
   * @throws TypeError or RangeError for anything but a number
   */
  cancelAfter(ms: number): void;
  /**
   * Releases: nothing can cancel the token any more, its links, callbacks and timer go. Idempotent; does nothing once
   * cancelled. It does not cancel, and children live on without this parent.
   */
  close(): void;
  /** As {@link close}: `using` releases at the end of a block. */
  [Symbol.dispose](): void;
}

/** What tokens can do by files that stand above the tree; source.ts brings them in. */
export interface Above<T> {
  newSource(parent: T, options: ChildOptions | undefined): Source<T>;
  newSignal(token: T): AbortSignal;
  /** A signal that a token follows was aborted. */
  arrived(token: T): void;
}

/** What a snapshot sees of one token. */
export interface Look<T> {
  readonly state: 'live' | 'cancelled' | 'closed';
  readonly callbacks: number;
  /** Those that are linked: the others have nobody to tell and are not known to their parent. */
  readonly children: readonly T[];
  readonly rare: Rare<T> | undefined;
}
