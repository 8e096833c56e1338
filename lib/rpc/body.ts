import { BodyTooLargeError } from '../wire/index.ts';
import { checkAtLeast } from './at-least.ts';

/** 4 MiB, the field's usual figure (gRPC). */
const DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The option of that name, or its default. @throws TypeError or RangeError when it is no size */
export function bodyLimit(given: number | undefined, name = 'maxBodyBytes'): number {
  const limit = given ?? DEFAULT_MAX_BODY_BYTES;
  checkAtLeast(0, name, limit);
  return limit;
}

/**
 * Reads a whole web stream into one array.
 *
 * @param limit in bytes
 * @throws BodyTooLargeError as soon as more than `limit` has come; the rest is not read
 */
export async function readBody(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  if (stream === null) return NOTHING;
  const reader = stream.getReader();
  const chunks = {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array, undefined>>,
    // Not awaited: how the sender takes it is not the reader's concern, nor is its failure.
    return: () => {
      reader.cancel().catch(() => {});
      return Promise.resolve({ done: true as const, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  return await readChunks(chunks, limit);
}

const NOTHING = new Uint8Array(0);

/** As {@link readBody}, of chunks that come in another way; leaves them past `limit`. */
export async function readChunks(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > limit) throw new BodyTooLargeError(limit);
    read.push(chunk);
  }
  return read.length === 1 && read[0] !== undefined ? read[0] : joined(read, size);
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
