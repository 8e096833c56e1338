import { type Cancellable, CancellationToken, currentToken, expected, toToken } from '../core/index.ts';
import { Call } from './call.ts';
import { expectStreams } from './cancel-code.ts';
import { type DeadlineOptions, DeadlineRule } from './deadline.ts';

export interface FetchOptions extends DeadlineOptions {
  /** The fetch to send with; default the global one, looked up for each call, or the one before where this becomes the global one. */
  readonly fetch?: typeof fetch | undefined;
  /** For calls that bring no token, in place of the current one; `CancellationToken.none` for none at all. */
  readonly token?: Cancellable | undefined;
}

/** What `fetch` takes, and a token. */
export interface TokenRequestInit extends RequestInit {
  /** In place of the current token; `CancellationToken.none` for work that is to outlive it. A `signal` beside it counts too. */
  token?: Cancellable | undefined;
}

/** `fetch` that also takes a token. */
export type TokenFetch = (input: string | URL | Request, init?: TokenRequestInit) => Promise<Response>;

/**
 * Makes a `fetch` that is cancelled with a token and carries its deadline.
 *
 * The token is `init.token`, else the one given here, else the current one (`nevermind/ambient`). A `signal`, in `init` or of a
 * Request, counts beside it: any of them cancels. A call under none that could be cancelled goes to the wrapped fetch as it is.
 *
 * Cancellation: the request is aborted, over HTTP/2 with RST_STREAM CANCEL, and the promise rejects with the token's `error`, a
 * foreign signal's `reason`; so does a body that is being read. What is cancelled already never reaches the wrapped fetch. No
 * listener stays behind on a token or signal once the body has been read, cancelled or collected. It does not retry.
 *
 * Deadline: the remaining milliseconds go to the hosts that `propagateDeadline` allows, in `connect-timeout-ms`. fetch hands a
 * header on when it follows a redirect: use `redirect: 'error'`, or the undici interceptor, where a host may send to strangers.
 *
 * @throws TypeError that names the option
 * @example
 * const fetch = createFetch({ propagateDeadline: ['api.internal'] });
 * const response = await fetch('http://api.internal/orders', { token });
 */
export function createFetch(options: FetchOptions = {}): TokenFetch {
  const { fetch: given, token: fallback } = options;
  if (given !== undefined && typeof given !== 'function') throw new TypeError(expected('fetch', 'a function', given));
  const standing = fallback === undefined ? undefined : toToken('token', fallback);
  const rule = new DeadlineRule(options);
  expectStreams();
  const before = noteGlobal();
  const made: TokenFetch = async (input, init) => {
    const now = noteGlobal();
    const send = given ?? (globals.has(made) ? before : now);
    const token = init?.token === undefined ? (standing ?? currentToken()) : toToken('token', init.token);
    const parents = [token, signalOf(input, init)].filter((parent) => parent.canBeCancelled);
    if (parents.length === 0) return await send(input, init);
    const cancelled = parents.find((parent) => parent.cancelled);
    if (cancelled !== undefined) {
      const { reason } = cancelled.signal;
      // Another fetch may take what the platform's would not, such as a path alone.
      if (given === undefined || urlOf(input) !== undefined) refuseAsFetch(input, init, reason);
      throw reason;
    }
    const headers = rule.silent ? undefined : stamped(rule, input, init, parents);
    return await new Call(parents, input).run((signal) =>
      send(input, Object.assign(originOf(input), membersOf(init), headers, { signal })),
    );
  };
  // Before anybody puts another one in front, which may call it: it must not go by that one then.
  queueMicrotask(noteGlobal);
  return made;
}

/** What has been seen to be the global fetch. */
const globals = new WeakSet<object>();

function noteGlobal(): typeof fetch {
  const { fetch } = globalThis;
  globals.add(fetch ?? globals);
  return fetch;
}

/** `init.signal` stands in for a Request's own, null for none. */
function signalOf(input: string | URL | Request, init: TokenRequestInit | undefined): CancellationToken {
  const signal = init?.signal !== undefined ? init.signal : isRequest(input) ? input.signal : null;
  return signal === null ? CancellationToken.none : toToken('signal', signal);
}

/** Of any copy of fetch. */
function isRequest(input: string | URL | Request): input is Request {
  return typeof input === 'object' && 'url' in input;
}

/** What fetch takes from `init`, which may inherit it: a Request is a legal `init` for another URL. */
function membersOf(init: TokenRequestInit | undefined): RequestInit {
  const members: Record<string, unknown> = {};
  for (const name in init) members[name] = init[name as keyof TokenRequestInit];
  return members;
}

/** What fetch does before it looks at the signal: a malformed request is a TypeError, and a body counts as used. */
function refuseAsFetch(input: string | URL | Request, init: TokenRequestInit | undefined, reason: unknown): void {
  const ours = !isRequest(input) || (input as object) instanceof Request;
  const Class = ours ? Request : (input.constructor as typeof Request);
  const request = new Class(input, { ...membersOf(init), signal: null });
  request.body?.cancel(reason).catch(() => {});
}

function stamped(
  rule: DeadlineRule,
  input: string | URL | Request,
  init: TokenRequestInit | undefined,
  parents: readonly CancellationToken[],
): { headers: Headers } | undefined {
  const remaining = Math.min(...parents.map((parent) => parent.remaining()));
  if (remaining === Number.POSITIVE_INFINITY || !rule.allows(urlOf(input))) return undefined;
  const headers = new Headers(init?.headers ?? (isRequest(input) ? input.headers : undefined));
  const value = rule.value(remaining, headers.get(rule.header) ?? undefined);
  if (value === undefined) return undefined;
  headers.set(rule.header, value);
  return { headers };
}

/** Undefined for what is none, which is for fetch to say. */
function urlOf(input: string | URL | Request): URL | undefined {
  try {
    return new URL(isRequest(input) ? input.url : input, globalThis.location?.href);
  } catch {
    return undefined;
  }
}

/** What a Request has and any `init` beside it would take away. */
function originOf(input: string | URL | Request): RequestInit {
  if (!isRequest(input)) return {};
  const { referrer, referrerPolicy } = input;
  return { referrer, referrerPolicy };
}
