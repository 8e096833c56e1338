/** Metadata travels as ordinary headers; these are the names and values that may (Connect protocol, "Custom-Metadata"). */

const NAME = /^[0-9a-z_.-]+$/;
const VALUE = /^[\x20-\x7e]*$/;

/** Names that the protocol or the connection speaks itself. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a lower-case `name` is free for an application's own metadata. */
export function isMetadataName(name: string): boolean {
  return NAME.test(name) && !name.startsWith('connect-') && !RESERVED.has(name);
}

/** Printable ASCII. Other bytes go, as base64, under a name that ends in `-bin`. */
export function isMetadataValue(value: string): boolean {
  return VALUE.test(value);
}
