import type { IncomingHttpHeaders } from 'node:http';

/** The header of a request as node:http has it, and node:http2's compatibility API. */
export interface RawHeaders {
  /** Names and values by turns, as they came. */
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingHttpHeaders;
}

const NOWHERE = -1;

/**
 * One field, looked for among what came: the first look at `headers` makes an object of them all, and a server needs but three or
 * four, of which most requests have one.
 *
 * @param name in lower case
 */
export function fieldOf(request: RawHeaders, name: string): string | undefined {
  const { rawHeaders } = request;
  const at = find(rawHeaders, name, 0);
  if (at === NOWHERE) return undefined;
  if (find(rawHeaders, name, at + 2) === NOWHERE) return rawHeaders[at + 1];
  // Given again: whether the first one counts or all do depends on the field, and Node knows.
  return joined(request.headers[name]);
}

/** A field as the web has it: one text, whatever Node made of it. */
export function joined(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

function find(rawHeaders: readonly string[], name: string, from: number): number {
  for (let at = from; at < rawHeaders.length; at += 2) {
    const raw = rawHeaders[at] as string;
    if (raw.length === name.length && raw.toLowerCase() === name) return at;
  }
  return NOWHERE;
}
