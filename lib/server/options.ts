import type { TlsOptions } from 'node:tls';
import type { DrainOptions } from './drain.ts';
import type { Abandoned } from './web-handler.ts';

/** Times are in milliseconds; 0 switches a limit off. */
export interface ServeOptions {
  /** Default 0: any that is free. */
  port?: number | undefined;
  /** The address to listen on. Default '127.0.0.1', this machine only; '::' or '0.0.0.0' for everywhere. */
  host?: string | undefined;
  /** Certificate, key and whatever else node:tls takes. With it, ALPN offers HTTP/2 and HTTP/1.1. */
  tls?: TlsOptions | undefined;
  /** HTTP/2 beside HTTP/1.1 on the one port: by ALPN ('tls'), by prior knowledge ('h2c'), or not at all. Default: what `tls` suggests. */
  http2?: 'h2c' | 'tls' | false | undefined;
  /** From the headers to the last byte of the response being queued. Default 60000. */
  requestTimeoutMs?: number | undefined;
  /** From the headers to the handler's response. Default 30000. */
  handlerTimeoutMs?: number | undefined;
  /** From the headers to the last byte of the request's body. Default 30000. */
  bodyTimeoutMs?: number | undefined;
  /** From the connection to its first bytes, and for the headers of an HTTP/1.1 request. Default 30000. */
  headersTimeoutMs?: number | undefined;
  /** The most that a caller may ask for with `connect-timeout-ms`; more is cut to it. Default: no limit of its own. */
  maxTimeoutMs?: number | undefined;
  /** The largest body a web handler is given, in bytes; more is answered with 413. Default 4 MiB. */
  maxBodyBytes?: number | undefined;
  /** Requests under way at once; more are answered with 503. Default 0: no limit. */
  maxRequests?: number | undefined;
  /** What `Retry-After` says with each 503, in seconds. Default: not sent. */
  retryAfter?: number | undefined;
  /** Signals of the process that drain this server; a second one forces. Default none. */
  signals?: readonly NodeJS.Signals[] | undefined;
  /** How a drain goes when it isn't told. */
  drain?: DrainOptions | undefined;
  /**
   * Whether a handler runs with its token as the current one (`nevermind/ambient`): what takes the current token by itself
   * (`createFetch`, clients, the undici interceptor) then stops with the request and carries its deadline. Default true; false
   * spares the process the price of AsyncLocalStorage, unless something else has switched it on.
   */
  fromAmbient?: boolean | undefined;
  /** Hears of a handler that came to its end after its request was over, and of what became of its result. */
  onAbandoned?: ((abandoned: Abandoned) => void) | undefined;
  /** Hears of what handlers throw; the peer gets a plain 500. Default: a warning of the process. */
  onError?: ((error: unknown, name: string) => void) | undefined;
}

/** What an adapter for a server of somebody else's takes. Times are in milliseconds; 0 switches a limit off. */
export interface ReceptionOptions {
  /** From the headers to the last byte of the response being queued. Default: no limit. */
  requestTimeoutMs?: number | undefined;
  /** From the headers to the head of the response; a stream that has begun goes on. Default: no limit. */
  handlerTimeoutMs?: number | undefined;
  /** The most that a caller may ask for with `connect-timeout-ms`; more is cut to it. Default: no limit of its own. */
  maxTimeoutMs?: number | undefined;
  /** Requests under way at once; more are answered with 503. Default 0: no limit. */
  maxRequests?: number | undefined;
  /** What `Retry-After` says with each 503 of a request that was turned away, in seconds. Default: not sent. */
  retryAfter?: number | undefined;
  /** How a drain goes when it isn't told. */
  drain?: DrainOptions | undefined;
  /** Whether a handler runs with its token as the current one (`nevermind/ambient`). Default true. */
  fromAmbient?: boolean | undefined;
  /** Hears of a handler that brought something after its request was over: it is dropped. */
  onAbandoned?: ((abandoned: Abandoned) => void) | undefined;
  /**
   * Hears of what a handler throws after it was answered for, where the framework can't hear it any more (tRPC, Next.js). Default: a
   * warning of the process.
   */
  onError?: ((error: unknown, name: string) => void) | undefined;
}
