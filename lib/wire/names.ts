/**
 * The names that the Connect protocol (JSON codec) puts on the wire, and the grammar of its paths.
 * Header names are lower case everywhere in the library, as HTTP/2 demands.
 */

/** Remaining time in whole milliseconds; see deadline-header.ts. */
export const TIMEOUT_HEADER = 'connect-timeout-ms';
/** gRPC's spelling of the remaining time. */
export const GRPC_TIMEOUT_HEADER = 'grpc-timeout';
export const PROTOCOL_VERSION_HEADER = 'connect-protocol-version';
export const PROTOCOL_VERSION = '1';

export const JSON_TYPE = 'application/json';
export const STREAM_TYPE = 'application/connect+json';
/** How the messages of a stream are compressed, and how those of the answer may be; a whole body has HTTP's own names. */
export const STREAM_ENCODING_HEADER = 'connect-content-encoding';
export const STREAM_ACCEPT_HEADER = 'connect-accept-encoding';

/** What unary calls announce; `; charset=utf-8` is what fetch and connect-es may append. */
export function isJsonType(contentType: string | undefined): boolean {
  // The exact spelling is nearly every call; the expression is for the rest.
  return contentType === JSON_TYPE || (contentType !== undefined && JSON_TYPE_WITH_CHARSET.test(contentType));
}
const JSON_TYPE_WITH_CHARSET = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;

/** A Protobuf full name, so that peers with generated code can have the same service: `demo.v1.Greeter`. */
export function isServiceName(name: string): boolean {
  return /^[A-Za-z]\w*(?:\.[A-Za-z]\w*)*$/.test(name);
}

/** A letter, then letters, digits and underscores: no name of Object.prototype's dunders can be one. */
export function isMethodName(name: string): boolean {
  return /^[A-Za-z]\w*$/.test(name);
}

/** `/{package.Service}/{Method}`, case-sensitive; a prefix, where there is one, goes before it. */
export function pathOf(service: string, method: string): string {
  return `/${service}/${method}`;
}
