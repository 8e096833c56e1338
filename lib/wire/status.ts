/**
 * The one table: reason ↔ Connect code ↔ HTTP status ↔ gRPC code ↔ RST_STREAM code ↔ Node's error code.
 * Every other file asks it; none repeats a row.
 *
 * 1. Every code has exactly one HTTP status and one gRPC number; the way back from HTTP is a guess, for a peer that sent no body.
 * 2. `neverProcessed` is true only where the peer's handler cannot have started; only then may a call be sent again by itself.
 */
import type { CancelReason } from '../core/index.ts';

const CODES = {
  canceled: { grpc: 1, http: 499 },
  unknown: { grpc: 2, http: 500 },
  invalid_argument: { grpc: 3, http: 400 },
  deadline_exceeded: { grpc: 4, http: 504 },
  not_found: { grpc: 5, http: 404 },
  already_exists: { grpc: 6, http: 409 },
  permission_denied: { grpc: 7, http: 403 },
  resource_exhausted: { grpc: 8, http: 429 },
  failed_precondition: { grpc: 9, http: 400 },
  aborted: { grpc: 10, http: 409 },
  out_of_range: { grpc: 11, http: 400 },
  unimplemented: { grpc: 12, http: 501 },
  internal: { grpc: 13, http: 500 },
  unavailable: { grpc: 14, http: 503 },
  data_loss: { grpc: 15, http: 500 },
  unauthenticated: { grpc: 16, http: 401 },
} as const;

/** A Connect error code, as it is spelled on the wire. */
export type Code = keyof typeof CODES;

/** Every code, in gRPC's order. */
export const codes: readonly Code[] = Object.keys(CODES) as Code[];

export function isCode(value: unknown): value is Code {
  return typeof value === 'string' && Object.hasOwn(CODES, value);
}

export function httpOfCode(code: Code): number {
  return CODES[code].http;
}

export function grpcOfCode(code: Code): number {
  return CODES[code].grpc;
}

/** `undefined` for 0 (OK); `unknown` for a number that gRPC has not given out. */
export function codeOfGrpc(status: number): Code | undefined {
  return status === 0 ? undefined : (codes[status - 1] ?? 'unknown');
}

/** What an error response without a usable body means, by the Connect protocol. */
export function codeOfHttp(status: number): Code {
  return CODE_OF_HTTP.get(status) ?? 'unknown';
}
const CODE_OF_HTTP = new Map<number, Code>([
  [400, 'internal'],
  [401, 'unauthenticated'],
  [403, 'permission_denied'],
  [404, 'unimplemented'],
  [429, 'unavailable'],
  [502, 'unavailable'],
  [503, 'unavailable'],
  [504, 'unavailable'],
]);

const REASONS: Record<CancelReason, { code: Code; http: number; replies: boolean }> = {
  CANCELLED: { code: 'canceled', http: 499, replies: false },
  PEER_CLOSED: { code: 'canceled', http: 499, replies: false },
  TIMEOUT: { code: 'deadline_exceeded', http: 504, replies: true },
  SHUTDOWN: { code: 'unavailable', http: 503, replies: true },
};

/** The code that a server gives a request stopped for `reason`. */
export function codeOfReason(reason: CancelReason): Code {
  return REASONS[reason].code;
}

/** The status a server answers with, or logs when it does not answer; `whileReading`: the request's body had not arrived yet. */
export function httpOfReason(reason: CancelReason, whileReading = false): number {
  // 408 invites a client to send again by itself, which is harmless only while nothing was started.
  return whileReading && reason === 'TIMEOUT' ? 408 : REASONS[reason].http;
}

/** Whether the peer of a request stopped for `reason` is still there to be answered. */
export function isAnswered(reason: CancelReason): boolean {
  return REASONS[reason].replies;
}

/** The reason that a received code stands for; most codes are no cancellation and have none. */
export function reasonOfCode(code: Code): CancelReason | undefined {
  return code === 'canceled' ? 'CANCELLED' : code === 'deadline_exceeded' ? 'TIMEOUT' : undefined;
}

/** What a failed stream or connection means to the caller. */
export interface Failure {
  readonly code: Code;
  /** The peer's handler cannot have started: safe to send again. */
  readonly neverProcessed: boolean;
  /** The standard's own name, for messages. */
  readonly name: string;
}

const RESETS: readonly Failure[] = [
  { code: 'canceled', neverProcessed: false, name: 'NO_ERROR' },
  { code: 'internal', neverProcessed: false, name: 'PROTOCOL_ERROR' },
  { code: 'internal', neverProcessed: false, name: 'INTERNAL_ERROR' },
  { code: 'internal', neverProcessed: false, name: 'FLOW_CONTROL_ERROR' },
  { code: 'internal', neverProcessed: false, name: 'SETTINGS_TIMEOUT' },
  { code: 'internal', neverProcessed: false, name: 'STREAM_CLOSED' },
  { code: 'internal', neverProcessed: false, name: 'FRAME_SIZE_ERROR' },
  { code: 'unavailable', neverProcessed: true, name: 'REFUSED_STREAM' },
  { code: 'canceled', neverProcessed: false, name: 'CANCEL' },
  { code: 'internal', neverProcessed: false, name: 'COMPRESSION_ERROR' },
  { code: 'internal', neverProcessed: false, name: 'CONNECT_ERROR' },
  { code: 'resource_exhausted', neverProcessed: false, name: 'ENHANCE_YOUR_CALM' },
  { code: 'permission_denied', neverProcessed: false, name: 'INADEQUATE_SECURITY' },
  { code: 'internal', neverProcessed: false, name: 'HTTP_1_1_REQUIRED' },
];

/** The RST_STREAM code with which a cancel travels (RFC 9113, section 7). */
export const RST_CANCEL = 8;

/** What a received RST_STREAM means, on a connection that is alive. */
export function failureOfReset(rstCode: number): Failure {
  return RESETS[rstCode] ?? { code: 'internal', neverProcessed: false, name: `error ${rstCode}` };
}

const NEVER_SENT: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  // A request on a session that is closed or going away: it never left this process.
  'ERR_HTTP2_GOAWAY_SESSION',
  'ERR_HTTP2_INVALID_SESSION',
  'ERR_HTTP2_OUT_OF_STREAMS',
]);

/**
 * What the `code` of an error of Node's sockets, sessions or fetch means: always `unavailable`; whether the call was processed
 * differs.
 *
 * @param connecting it comes from making the connection. The system gives the same codes to one that stood: ETIMEDOUT, or
 * ECONNREFUSED where a firewall rejects what it let through before
 */
export function failureOfNodeError(errorCode: string, connecting: boolean): Failure {
  return { code: 'unavailable', neverProcessed: connecting || NEVER_SENT.has(errorCode), name: errorCode };
}
