/**
 * The messages of a stream, both ways: values to envelopes and back.
 *
 * One limit holds for each message, compressed and not; the end of a stream has some room in any case.
 */
import type { CancellationToken } from '../core/index.ts';
import {
  BodyTooLargeError,
  COMPRESSED,
  type Envelope,
  EnvelopeError,
  EnvelopeReader,
  limitOf,
  seal,
} from '../wire/index.ts';
import { CodecError, decodeJson, encodeJson } from './codec.ts';
import { type RpcCode, RpcError } from './error.ts';
import { gunzip, gzip } from './gzip.ts';
import { orStopped } from './or-stopped.ts';
import { read, type Schema, SchemaError } from './schema.ts';

const utf8 = new TextEncoder();

/**
 * One value as one message.
 *
 * @param what names the value in an error's text
 * @param compressMinBytes messages of so many bytes and more are compressed; Infinity: none
 * @throws TypeError when JSON has no form for it
 */
export function sealMessage(value: unknown, what: string, compressMinBytes: number): Uint8Array | Promise<Uint8Array> {
  const data = utf8.encode(encodeJson(value, what));
  if (data.length < compressMinBytes) return seal(0, data);
  return gzip(data).then((packed) => seal(COMPRESSED, packed));
}

/** How a side reads the other's messages. */
export interface Reading {
  readonly limit: number;
  /** What the stream's headers say its compressed messages are compressed with. */
  readonly encoding: string | undefined;
  /** Whose fault a message is that can't be read: the caller's `invalid_argument`, or the peer's `internal`. */
  readonly fault: RpcCode;
}

/**
 * Cuts and unpacks what a peer sends. Reads no faster than it is read, and leaves `chunks` when it is left.
 *
 * @param token once it is cancelled there is no further message, be it here already, and no end either
 * @throws RpcError for bytes that are no stream of messages; the token's error
 */
export async function* envelopesIn(
  chunks: AsyncIterable<Uint8Array>,
  reading: Reading,
  token: CancellationToken,
): AsyncGenerator<Envelope> {
  const reader = new EnvelopeReader(reading.limit);
  try {
    for await (const chunk of chunks) {
      reader.push(chunk);
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        const envelope = await unpacked(next, reading);
        token.throwIfCancelled();
        yield envelope;
      }
    }
  } catch (error) {
    if (!(error instanceof EnvelopeError)) throw error;
    throw new RpcError(error.code === 'invalid_argument' ? reading.fault : error.code, error.message);
  }
  token.throwIfCancelled();
  if (reader.inside) throw new RpcError(reading.fault, 'Expected whole messages, the last one broke off.');
}

async function unpacked(envelope: Envelope, { encoding, limit: usual }: Reading): Promise<Envelope> {
  const limit = limitOf(envelope.flags, usual);
  if ((envelope.flags & COMPRESSED) === 0 || envelope.data.length === 0) return envelope;
  if (encoding !== 'gzip') {
    throw new RpcError('internal', 'Expected no compressed message, as the headers name no compression.');
  }
  try {
    return { flags: envelope.flags, data: await gunzip(envelope.data, limit) };
  } catch (error) {
    if (error instanceof BodyTooLargeError) {
      throw new RpcError('resource_exhausted', `Expected a message of at most ${limit} bytes.`);
    }
    throw new EnvelopeError('invalid_argument', 'Expected the message to be gzip.');
  }
}

/**
 * One message as its schema reads it.
 *
 * @param token once it is cancelled, a schema that takes its time is not waited for
 * @throws RpcError that says what was expected; the token's error
 */
export async function openMessage(
  data: Uint8Array,
  schema: Schema,
  { what, fault, token }: { what: string; fault: RpcCode; token: CancellationToken },
): Promise<unknown> {
  try {
    const message = read(schema, decodeJson(data), what);
    return message instanceof Promise ? await orStopped(token, message) : message;
  } catch (error) {
    if (error instanceof CodecError || error instanceof SchemaError) throw new RpcError(fault, error.message);
    throw error;
  }
}
