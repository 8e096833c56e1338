// The write side, and the token's static methods: whatever brings tokens into being.

import { Alarm } from './alarm.ts';
import {
  checkDeadline,
  checkDetails,
  checkFunction,
  checkMilliseconds,
  checkName,
  checkOptions,
  checkReason,
  expected,
} from './argument.ts';
import { arrived, followSignal, joinTokens, newSignal } from './bridge.ts';
import { type Cancel, Cancellation } from './cancellation.ts';
import { clock } from './clock.ts';
import { setDeadline } from './deadline.ts';
import { type CancelDetails, CancelReason } from './reason.ts';
import { isAbortSignal } from './signal.ts';
import type { ChildOptions, Source } from './surface.ts';
import { bringIn, CancellationToken as Token, tree } from './tree.ts';

/** A token, or a signal to follow. Everything that takes the one takes the other. */
export type Cancellable = CancellationToken | AbortSignal;

export interface SourceOptions extends ChildOptions {
  /** Cancelled when any of them is; of several that are cancelled already, the first one listed gives the reason. */
  readonly parent?: Cancellable | Iterable<Cancellable> | undefined;
}

/**
 * The write side of a cancel. Whoever holds the source decides; whoever does the work gets its `token` alone.
 *
 * Follows .NET's CancellationTokenSource, with the callbacks in the order of DOM's AbortController.
 *
 * @example
 * const source = new CancellationSource({ timeout: 10_000 });
 * const registration = source.token.onCancel((error) => console.log(error.reason));
 * source.cancel('CANCELLED', { description: 'user closed the tab' });
 */
export type CancellationSource = Source<CancellationToken>;

/** What {@link CancellationSource} is at run time. */
export interface CancellationSourceConstructor {
  /**
   * @param options a token or signal alone is short for `{ parent }`
   * @throws TypeError or RangeError that says what was expected, before anything is linked
   */
  new (options?: SourceOptions | Cancellable): CancellationSource;
  readonly prototype: CancellationSource;
}

/**
 * Tells a deadline that somebody else keeps: the token and its descendants read it, and it cancels nothing by itself. For a
 * source that has none of its own yet; `cancelAfter` takes its place.
 *
 * @param at absolute, on the clock; Infinity: none
 */
export let tellDeadline: (source: CancellationSource, at: number) => void;

export const CancellationSource: CancellationSourceConstructor = class CancellationSource
  implements Source<CancellationToken>
{
  /** Private, so that no object with a `token` can be given to these methods: a token alone never becomes a source. */
  readonly #token: CancellationToken;

  constructor(options?: SourceOptions | Cancellable) {
    // Few words on the way that nearly all take, and the rest elsewhere: V8 inlines it then.
    this.#token = options === undefined || tree.isToken(options) ? tree.create(options) : begin(options);
  }

  get token(): CancellationToken {
    return this.#token;
  }

  cancel(reason?: CancelReason, details?: CancelDetails): boolean {
    return tree.cancel(this.#token, cancelOf(reason, details));
  }

  cancelAsync(reason?: CancelReason, details?: CancelDetails): Promise<boolean> {
    return cancelAsync(this.#token, cancelOf(reason, details));
  }

  cancelAfter(ms: number): void {
    checkMilliseconds('ms', ms);
    const now = clock.now();
    setDeadline(this.#token, now + ms, now);
  }

  close(): void {
    tree.close(this.#token);
  }

  [Symbol.dispose](): void {
    tree.close(this.#token);
  }

  static {
    tellDeadline = (source, at) => tree.putAlarm((source as CancellationSource).#token, new Alarm(at));
  }
};

bringIn({
  newSource: (parent, options) => (options === undefined ? new CancellationSource(parent) : limited(parent, options)),
  newSignal,
  arrived,
});

function limited(parent: CancellationToken, options: ChildOptions): CancellationSource {
  // A token has a deadline, and would pass for options.
  if (tree.isToken(options)) throw new TypeError(expected('options', 'an object of options', options));
  checkOptions('an object of options', options);
  const limits = limitsIn(options);
  const source = new CancellationSource(parent);
  limit(source.token, limits);
  return source;
}

async function cancelAsync(token: CancellationToken, cancel: Cancel): Promise<boolean> {
  if (!tree.request(token, cancel)) return false;
  await undefined;
  const settling: Promise<void>[] = [];
  const pass = tree.deliver(token, settling);
  await Promise.all(settling);
  pass.rethrow();
  return true;
}

/** A token of a source with options: everything is checked before anything is made. */
function begin(options: SourceOptions | AbortSignal): CancellationToken {
  if (isAbortSignal(options)) return tree.create(followSignal(options));
  checkOptions('an object of options, a CancellationToken or an AbortSignal', options);
  const limits = limitsIn(options);
  const token = below(options.parent);
  limit(token, limits);
  return token;
}

/** The options, checked; each is read once. */
function limitsIn({ timeout, deadline, name, onCallbackError }: ChildOptions): ChildOptions {
  if (timeout !== undefined) checkMilliseconds('timeout', timeout);
  if (deadline !== undefined) checkDeadline('deadline', deadline);
  if (name !== undefined) checkName(name);
  if (onCallbackError !== undefined) checkFunction('onCallbackError', onCallbackError);
  return { timeout, deadline, name, onCallbackError };
}

function limit(token: CancellationToken, { timeout, deadline, name, onCallbackError }: ChildOptions): void {
  if (name !== undefined) tree.rare(token).name = name;
  if (onCallbackError !== undefined) tree.rare(token).hook = onCallbackError;
  if (timeout !== undefined || deadline !== undefined) {
    const now = clock.now();
    const at = Math.min(
      deadline ?? Number.POSITIVE_INFINITY,
      timeout === undefined ? Number.POSITIVE_INFINITY : now + timeout,
    );
    if (at < Number.POSITIVE_INFINITY) setDeadline(token, at, now);
  }
}

/** A new token below all that can cancel it. */
function below(parent: SourceOptions['parent']): CancellationToken {
  // One parent or none, as nearly always: without the lists it takes a third of the time.
  if (parent === undefined || tree.isToken(parent)) return tree.create(parent);
  const parents = parentsIn(parent);
  const cancelled = parents.find((one) => one.cancelled);
  const live = [...new Set(parents)].filter((one) => one.canBeCancelled);
  return cancelled === undefined && live.length > 1 ? joinTokens(live, false) : tree.create(cancelled ?? live[0]);
}

function parentsIn(parent: NonNullable<SourceOptions['parent']>): CancellationToken[] {
  const several = typeof parent === 'object' && parent !== null && Symbol.iterator in parent;
  return several ? [...parent].map((one) => toToken('parent', one)) : [toToken('parent', parent)];
}

/** The token itself, or the one that follows a signal. @throws TypeError naming the argument `name` */
export function toToken(name: string, value: Cancellable): CancellationToken {
  if (tree.isToken(value)) return value;
  if (isAbortSignal(value)) return followSignal(value);
  throw new TypeError(expected(name, 'a CancellationToken or an AbortSignal', value));
}

function cancelOf(reason: CancelReason = CancelReason.CANCELLED, details?: CancelDetails): Cancel {
  checkReason(reason);
  if (details === undefined) return reason;
  checkDetails(details);
  // A copy: the error is made later, of what was said now.
  return new Cancellation(reason, { ...details });
}

/** The static side of {@link CancellationToken}. */
export interface CancellationTokenStatics {
  /** Never cancelled, and known to be so: a callback registered on it is dropped. */
  readonly none: CancellationToken;
  /**
   * A token that is cancelled already.
   *
   * @param reason default `CANCELLED`
   */
  cancelled(reason?: CancelReason, details?: CancelDetails): CancellationToken;
  /**
   * Cancelled as soon as one of the given is, with its reason; of several that are cancelled already, the first one
   * listed gives the reason (as DOM's AbortSignal.any). Of none: {@link none}; of one: that one.
   */
  any(...tokens: Cancellable[]): CancellationToken;
  /**
   * Cancelled when all of the given are, with the reason of the last: work that serves several callers goes on while
   * one of them is still there. With one that can't be cancelled, or of none at all: {@link none}.
   */
  all(...tokens: Cancellable[]): CancellationToken;
  /**
   * The token that follows a signal; the same signal gives the same token. It listens to the signal only while somebody
   * listens to it. A TimeoutError becomes `TIMEOUT`, all else `CANCELLED`; the signal's reason is the error's `cause`.
   */
  from(signal: AbortSignal): CancellationToken;
  /**
   * Cancelled with `TIMEOUT` after so many milliseconds, which nobody can take back: to let go of it sooner, use a
   * source with a timeout. 0 or less: at once; Infinity: {@link none}.
   */
  timeout(ms: number): CancellationToken;
}

const none = tree.create(undefined);
tree.close(none);

const statics: CancellationTokenStatics = {
  none,
  cancelled(reason, details) {
    const cancel = cancelOf(reason, details);
    const token = tree.create(undefined);
    tree.cancel(token, cancel);
    return token;
  },
  any: (...tokens) => {
    const all = tokens.map((token) => toToken('tokens', token));
    const cancelled = all.find((token) => token.cancelled);
    if (cancelled !== undefined) return cancelled;
    const live = [...new Set(all)].filter((token) => token.canBeCancelled);
    return live.length > 1 ? derive(live, false) : (live[0] ?? none);
  },
  all: (...tokens) => {
    const all = [...new Set(tokens.map((token) => toToken('tokens', token)))];
    if (!all.every((token) => token.canBeCancelled)) return none;
    return all.length > 1 ? derive(all, true) : (all[0] ?? none);
  },
  from(signal) {
    if (!isAbortSignal(signal)) throw new TypeError(expected('signal', 'an AbortSignal', signal));
    return followSignal(signal);
  },
  timeout(ms) {
    checkMilliseconds('ms', ms);
    return ms === Number.POSITIVE_INFINITY ? none : begin({ timeout: ms });
  },
};

function derive(parents: readonly CancellationToken[], all: boolean): CancellationToken {
  const token = joinTokens(parents, all);
  tree.top(token).derived = true;
  return token;
}

/** The read side of a cancel: it can ask and listen, and by no means cancel. See {@link CancellationSource}. */
export type CancellationToken = Token;
export const CancellationToken: typeof Token & CancellationTokenStatics = Object.assign(Token, statics);
