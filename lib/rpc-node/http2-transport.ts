import { baseOf, bodyLimit, type Transport } from '../rpc/index.ts';
import type { SessionOptions } from './session.ts';
import { Sessions } from './sessions.ts';
import { UnaryStream } from './unary-stream.ts';

export interface Http2TransportOptions {
  /** Where the service is: `http://host:port` speaks HTTP/2 without TLS, by prior knowledge; `https://…` with it. */
  readonly baseUrl: string | URL;
  /** For `http2.connect`: certificates, settings. */
  readonly session?: SessionOptions | undefined;
  /** Larger answers are given up with `resource_exhausted`; default 4 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

export interface Http2Transport extends Transport {
  close(): Promise<void>;
}

/**
 * Carries calls over HTTP/2, on node:http2.
 *
 * - It connects with the first call and keeps one session for all; while idle, that does not keep the process alive.
 * - A cancel goes out as RST_STREAM CANCEL. Before a session has been reset so often that the server would end it, calls
 *   move to a fresh one, and those under way finish where they are: no call fails because others were cancelled.
 * - A call that the peer certainly never looked at (GOAWAY, REFUSED_STREAM) is sent again, once. No other is.
 *
 * @throws TypeError for a base URL that is none
 */
export function http2Transport(options: Http2TransportOptions): Http2Transport {
  const { origin, pathname } = new URL(baseOf(options.baseUrl));
  const sessions = new Sessions(origin, options.session);
  const line = {
    sessions,
    prefix: pathname === '/' ? '' : pathname,
    maxBodyBytes: bodyLimit(options.maxBodyBytes),
  };
  return {
    unary: (call) => new Promise((resolve, reject) => new UnaryStream(line, call, resolve, reject)),
    close: () => sessions.close(),
  };
}
