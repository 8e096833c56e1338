import { answerError } from './answer.ts';
import type { Call } from './call.ts';
import { Drain, type DrainOptions, type DrainReport } from './drain.ts';
import { InFlight } from './in-flight.ts';
import { Listener } from './listen.ts';
import type { ServeOptions } from './options.ts';
import { type Handler, runner } from './run.ts';
import { type Settings, settingsOf } from './settings.ts';
import { followSignals } from './signals.ts';
import type { WebHandler } from './web-handler.ts';

/** A server that listens. */
export interface Server extends AsyncDisposable {
  readonly url: URL;
  /**
   * Ends the server in order: takes nothing new, lets requests in flight finish for `graceMs`, then cancels their tokens with
   * `SHUTDOWN` and gives them `timeoutMs` to end, then answers 503 for those left and closes every connection.
   *
   * Resolves as soon as nothing is left. There is one drain: a second call joins it and gets the same report. A number is
   * short for `{ graceMs: 0, timeoutMs }`; without any time, a drain is `close()`, and forces one under way. Never rejects.
   *
   * @throws TypeError for a time that is no number
   */
  drain(options?: DrainOptions | number): Promise<DrainReport>;
  /** Stops hard: cancels every token with `SHUTDOWN`, answers 503 where it still can, closes every connection. */
  close(): Promise<void>;
}

/**
 * Serves a handler over HTTP/1.1 and HTTP/2 on one port, each request with a token of its own.
 *
 * The token is cancelled when the peer leaves before the response was queued (`PEER_CLOSED`), resets its stream (`CANCELLED`),
 * when a deadline passes (`TIMEOUT`) and when the server drains (`SHUTDOWN`); never after success. Its deadline is the least of
 * `handlerTimeoutMs`, `requestTimeoutMs` and the caller's `connect-timeout-ms`.
 *
 * Cancellation: cooperative. The server answers at a deadline and at the end of a drain by itself, drops what the handler brings
 * later, and tells `onAbandoned`. Handlers made by `createHandler` answer for themselves and never see a web object.
 *
 * A handler runs with its token as the current one: the calls it makes stop with it and carry its deadline, with no code. Work
 * that is to outlive the request goes under `runWithToken(CancellationToken.none, …)`.
 *
 * @param handler takes a `Request` that is made lazily: it is an instance of Request, and `request.clone()` gives a real one
 * @param options see {@link ServeOptions}
 * @returns resolves when the server listens; rejects when it can't, saying which port or address
 * @throws TypeError that names the option, for options that are wrong or contradict one another
 */
export function serve(handler: WebHandler, options: ServeOptions = {}): Promise<Server> {
  if (typeof handler !== 'function')
    throw new TypeError(`Expected \`handler\` to be a function, got ${String(handler)}.`);
  return start(handler, settingsOf(options));
}

async function start(handler: Handler, settings: Settings): Promise<Server> {
  const inFlight = new InFlight(settings.maxRequests);
  const admitted = (call: Call) => admit(inFlight, call, settings);
  const listener = new Listener(settings, inFlight, admitted, runner(handler, settings));
  const url = await listener.listen();
  const drain = new Drain(inFlight, listener.connections, () => {
    listener.stop();
    unfollow();
  });
  const drainWith = (options?: DrainOptions | number) => drain.with(options, settings.drain);
  const close = async () => void (await drainWith(0));
  const unfollow = followSignals(settings.signals, drainWith, close);
  return { url, drain: drainWith, close, [Symbol.asyncDispose]: close };
}

function admit(inFlight: InFlight, call: Call, { retryAfter }: Settings): boolean {
  if (!inFlight.refuses()) {
    inFlight.add(call);
    return true;
  }
  const headers = retryAfter === undefined ? undefined : { 'retry-after': String(retryAfter) };
  const why = inFlight.draining
    ? 'The server is shutting down.'
    : 'The server has as many requests under way as it may.';
  answerError(call, 'unavailable', why, 503, headers);
  return false;
}
