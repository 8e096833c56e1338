import { baseOf, bodyLimit, checkAtLeast, type Transport } from '../rpc/index.ts';
import { MessageStream } from './message-stream.ts';
import type { SessionOptions } from './session.ts';
import { Sessions } from './sessions.ts';
import { UnaryStream } from './unary-stream.ts';

export interface Http2TransportOptions {
  /** Where the service is: `http://host:port` speaks HTTP/2 without TLS, by prior knowledge; `https://…` with it. */
  readonly baseUrl: string | URL;
  /** For `http2.connect`: certificates, settings. */
  readonly session?: SessionOptions | undefined;
  /** Larger answers are given up with `resource_exhausted`; of a stream, `maxMessageBytes` of the client holds. Default 4 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** What a connection may take to stand, and its peer to say its first word, in milliseconds; default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Silence after which a peer with calls under way is sent a PING, in milliseconds; default 20,000; Infinity: never. */
  readonly pingIntervalMs?: number | undefined;
  /** The same while no call is under way, to keep the connection; default Infinity. */
  readonly idlePingIntervalMs?: number | undefined;
  /** What the answer to a PING may take before the connection is given up, in milliseconds; default 5,000. */
  readonly pingTimeoutMs?: number | undefined;
}

export interface Http2Transport extends Transport {
  stream: NonNullable<Transport['stream']>;
  close(): Promise<void>;
}

/**
 * Carries calls over HTTP/2, on node:http2.
 *
 * - It connects with the first call and keeps one session for all; while idle, that does not keep the process alive.
 * - A cancel goes out as RST_STREAM CANCEL. Before a session has been reset so often that the server would end it, calls
 *   move to a fresh one, and those under way finish where they are: no call fails because others were cancelled.
 * - Calls beyond the peer's limit of concurrent streams wait for their turn, on that connection, for as long as their deadlines let
 *   them; one that is cancelled meanwhile was never sent.
 * - A call that the peer certainly never looked at (GOAWAY, REFUSED_STREAM) is sent again, once; on a new connection also when
 *   the peer had not told yet how many calls it takes at a time. No other is, and no stream of requests of which one has been
 *   asked for: such a stream waits until the peer has told.
 * - A peer that is frozen or was cut off is noticed by a PING, and its calls fail with `unavailable`. Where connecting fails
 *   again and again, calls fail at once for a while.
 *
 * @throws TypeError for a base URL that is none, RangeError for a time that is none
 */
export function http2Transport(options: Http2TransportOptions): Http2Transport {
  const { origin, pathname } = new URL(baseOf(options.baseUrl));
  const times = {
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    pingIntervalMs: options.pingIntervalMs ?? 20_000,
    idlePingIntervalMs: options.idlePingIntervalMs ?? Number.POSITIVE_INFINITY,
    pingTimeoutMs: options.pingTimeoutMs ?? 5_000,
  };
  for (const [name, ms] of Object.entries(times)) checkAtLeast(1, name, ms);
  const sessions = new Sessions({ origin, session: options.session, ...times });
  const line = {
    sessions,
    prefix: pathname === '/' ? '' : pathname,
    maxBodyBytes: bodyLimit(options.maxBodyBytes),
  };
  return {
    unary: (call) => new Promise((resolve, reject) => new UnaryStream(line, call, resolve, reject).begin()),
    stream: (call) => new Promise((resolve, reject) => new MessageStream(line, call, resolve, reject).begin()),
    close: () => sessions.close(),
  };
}
