// The header fields of a response.

/** By name, in lower case. */
export type ResponseHeaders = Record<string, string | string[]>;

/** Fields that belong to one HTTP/1.1 connection; HTTP/2 forbids them, and here the server decides them. */
const HOP_BY_HOP = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a field, by its name in lower case, is the response's own and not the connection's. */
export function isOurs(name: string): boolean {
  return !HOP_BY_HOP.has(name);
}

/** The header fields of a response that are its own. */
export function fieldsOf(headers: Headers): ResponseHeaders {
  const fields: ResponseHeaders = {};
  for (const [name, value] of headers) {
    if (name !== 'set-cookie' && isOurs(name)) fields[name] = value;
  }
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) fields['set-cookie'] = cookies;
  return fields;
}
