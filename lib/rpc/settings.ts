import type { CancellationError } from '../core/index.ts';
import { checkAtLeast } from './at-least.ts';
import { bodyLimit } from './body.ts';
import type { Interceptor } from './interceptor.ts';

/** An implementation whose call was over before it had ended; nothing of it reached the caller. */
export interface Abandoned {
  /** The path of the method. */
  readonly name: string;
  /** Why the call was over. */
  readonly error: CancellationError;
  /** How long the implementation ran on after that, in milliseconds. */
  readonly ranOnMs: number;
  /** What it brought in the end. */
  readonly outcome:
    | { readonly kind: 'value'; readonly value: unknown }
    | { readonly kind: 'error'; readonly error: unknown };
}

export interface HandlerOptions {
  /** Goes before every path, e.g. `/api`; default none. */
  readonly prefix?: string;
  /** Larger requests are refused (413, `resource_exhausted`) and not read to their end; of a stream: larger messages. Default 4 MiB. */
  readonly maxBodyBytes?: number;
  /** The most time a call gets, whatever its caller asks for; default: as much as it asks for. */
  readonly maxTimeoutMs?: number;
  /**
   * How long a shutdown waits for an implementation that has been told, before the caller gets its 503; a value within that
   * time is delivered. Default 1,000. An implementation that stops at once is answered for at once.
   */
  readonly shutdownGraceMs?: number;
  /** Compress answers, or messages of an answer, of so many bytes and more, for callers that take gzip; default: none. */
  readonly compressMinBytes?: number;
  /** Wrap every call, the first one outermost; they run once the request has been read and before it is answered. */
  readonly interceptors?: readonly Interceptor[];
  /** Gets what an implementation threw and the caller was not told; default: written to the console. */
  readonly onError?: (error: unknown, name: string) => void;
  /** Gets what an implementation brought when its call was over; default: dropped. */
  readonly onAbandoned?: (abandoned: Abandoned) => void;
}

export type HandlerSettings = Required<HandlerOptions>;

/** @throws TypeError or RangeError that names the option */
export function settingsOf(options: HandlerOptions): HandlerSettings {
  const settings: HandlerSettings = {
    prefix: options.prefix ?? '',
    maxBodyBytes: bodyLimit(options.maxBodyBytes),
    maxTimeoutMs: options.maxTimeoutMs ?? Number.POSITIVE_INFINITY,
    shutdownGraceMs: options.shutdownGraceMs ?? 1_000,
    compressMinBytes: options.compressMinBytes ?? Number.POSITIVE_INFINITY,
    interceptors: [...(options.interceptors ?? [])],
    onError: later(options.onError ?? toConsole),
    onAbandoned: later(options.onAbandoned ?? (() => {})),
  };
  if (!/^(?:\/[^/?#]+)*$/.test(settings.prefix)) {
    throw new TypeError(
      `Expected \`prefix\` to be a path such as \`/api\`, without a slash at its end, got \`${settings.prefix}\`.`,
    );
  }
  checkAtLeast(1, 'maxTimeoutMs', settings.maxTimeoutMs);
  checkAtLeast(0, 'compressMinBytes', settings.compressMinBytes);
  checkAtLeast(0, 'shutdownGraceMs', settings.shutdownGraceMs);
  return settings;
}

/** On a microtask of its own: a hook that throws is the host's to report, and costs the call nothing. */
function later<A extends unknown[]>(hook: (...args: A) => void): (...args: A) => void {
  return (...args) => queueMicrotask(() => hook(...args));
}

function toConsole(error: unknown, name: string): void {
  // biome-ignore lint/suspicious/noConsole: an error that its caller is not told, and for which nobody has a hook, must not be lost.
  console.error(`The implementation of ${name} failed:`, error);
}
