import { BodyTooLargeError } from '../wire/index.ts';
import { checkAtLeast } from './at-least.ts';

/** 4 MiB, the field's usual figure (gRPC). */
const DEFAULT_MAX_BODY_BYTES = 4 * 1024 * 1024;

/** The option `maxBodyBytes`, or its default. @throws TypeError or RangeError when it is no size */
export function bodyLimit(maxBodyBytes: number | undefined): number {
  const limit = maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES;
  checkAtLeast(0, 'maxBodyBytes', limit);
  return limit;
}

/**
 * Reads a whole web stream into one array.
 *
 * @param limit in bytes
 * @throws BodyTooLargeError as soon as more than `limit` has come; the rest is not read
 */
export async function readBody(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (stream !== null) {
    const reader = stream.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      size += next.value.byteLength;
      if (size > limit) {
        // Not awaited: how the sender takes it is not the reader's concern, nor is its failure.
        reader.cancel().catch(() => {});
        throw new BodyTooLargeError(limit);
      }
      chunks.push(next.value);
    }
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : joined(chunks, size);
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
