import { readBody } from './body.ts';

// The platform's own streams: the one compression that browsers, Node, Deno, Bun and workers share.

/** `data` compressed. */
export function gzip(data: Uint8Array): Promise<Uint8Array> {
  return through(new CompressionStream('gzip'), data, Number.POSITIVE_INFINITY);
}

/**
 * `data` as it was before.
 *
 * @param limit in bytes of what comes out: a few bytes may promise gigabytes
 * @throws BodyTooLargeError past `limit`, TypeError for what is not gzip
 */
export function gunzip(data: Uint8Array, limit: number): Promise<Uint8Array> {
  return through(new DecompressionStream('gzip'), data, limit);
}

function through(
  stream: CompressionStream | DecompressionStream,
  data: Uint8Array,
  limit: number,
): Promise<Uint8Array> {
  const writer = stream.writable.getWriter();
  // What goes wrong is told to the reader as well.
  writer.write(data as Uint8Array<ArrayBuffer>).catch(() => {});
  writer.close().catch(() => {});
  return readBody(stream.readable, limit);
}
