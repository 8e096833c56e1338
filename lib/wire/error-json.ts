import { type Code, isCode } from './status.ts';

/** One detail of an error: a Protobuf type name, its bytes in base64, and what helps a person. Unknown properties are kept. */
export interface ErrorDetail {
  readonly type: string;
  readonly value?: string;
  readonly debug?: unknown;
}

/** An error as it stands on the wire. A cause, a stack or a cancel's description has no place in it. */
export interface WireError {
  readonly code: Code;
  readonly message: string;
  readonly details: readonly ErrorDetail[];
}

/** The body of an error response. Details that JSON cannot hold are left out: an error must always be answerable. */
export function encodeError({ code, message, details }: WireError): string {
  const plain = message === '' ? { code } : { code, message };
  if (details.length === 0) return JSON.stringify(plain);
  try {
    return JSON.stringify({ ...plain, details });
  } catch {
    return JSON.stringify(plain);
  }
}

/**
 * Reads the parsed body of an error response. `fallback` is the code that its HTTP status stands for, used when the body names
 * none that exists. Never throws: whatever came is an error already.
 */
export function decodeError(body: unknown, fallback: Code): WireError {
  const { code, message, details } = isRecord(body) ? body : {};
  return {
    code: isCode(code) ? code : fallback,
    message: typeof message === 'string' ? message : '',
    details: Array.isArray(details) ? details.filter(isDetail) : [],
  };
}

/** The last message of a stream: how the call ended, and what goes with that in place of trailers. */
export function encodeEndStream(error: WireError | undefined, metadata: Readonly<Record<string, string>>): string {
  const fields: string[] = [];
  if (error !== undefined) fields.push(`"error":${encodeError(error)}`);
  const values = Object.entries(metadata).map(([name, value]) => [name, [value]]);
  if (values.length > 0) fields.push(`"metadata":${JSON.stringify(Object.fromEntries(values))}`);
  return `{${fields.join()}}`;
}

/** What a stream's last message says; undefined when it is none. */
export interface EndStream {
  readonly error: WireError | undefined;
  readonly metadata: readonly (readonly [name: string, value: string])[];
}

/** Reads the parsed last message of a stream. An error that names no code that exists is `unknown`. */
export function decodeEndStream(body: unknown): EndStream | undefined {
  if (!isRecord(body)) return undefined;
  const { error, metadata = {} } = body;
  if (!isRecord(metadata) || ('error' in body && !isRecord(error))) return undefined;
  return {
    error: error === undefined ? undefined : decodeError(error, 'unknown'),
    metadata: Object.entries(metadata).flatMap(([name, values]) =>
      Array.isArray(values) ? [[name.toLowerCase(), values.join(', ')] as const] : [],
    ),
  };
}

function isDetail(value: unknown): value is ErrorDetail {
  return isRecord(value) && typeof value.type === 'string';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
