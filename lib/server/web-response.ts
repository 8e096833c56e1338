// Sends a web `Response` through a call, at the pace of the peer.
import type { Call } from './call.ts';
import type { ResponseHeaders } from './fields.ts';
import { writeTo } from './write.ts';

export type BodyReader = ReadableStreamDefaultReader<Uint8Array>;

/**
 * Sends a response with a body; resolves when all of it is queued or nothing more can be. `onBegun` is told when the body goes
 * out piece by piece. Rejects with what the body failed with, or a TypeError for one that can't be sent.
 */
export async function sendBody(
  call: Call,
  status: number,
  headers: ResponseHeaders,
  body: BodyReader,
  onBegun: () => void,
): Promise<void> {
  const first = await body.read();
  if (first.done) return call.respond(status, headers);
  const bytes = bytesOf(first.value);
  const second = body.read();
  // A body made from a string or a buffer is one chunk: known whole, it goes out with its length in one write.
  if (await isEnd(second)) return call.respond(status, headers, bytes);
  if (!call.answerable) return;
  call.begin(status, headers);
  onBegun();
  await writeTo(call.outgoing, bytes);
  for (let result = await second; !result.done; result = await body.read()) {
    if (isStopped(call)) return;
    await writeTo(call.outgoing, bytesOf(result.value));
  }
  if (!isStopped(call)) call.end();
}

/** Cancelled, and not by a drain, under which a body may end in order. */
function isStopped({ token }: Call): boolean {
  return token.cancelled && token.reason !== 'SHUTDOWN';
}

/** Whether a read has already found the end; does not wait for one that has to wait itself. */
async function isEnd(read: Promise<{ done: boolean }>): Promise<boolean> {
  let done = false;
  read.then((result) => {
    done = result.done;
  }, ignore);
  for (let turn = 0; turn < MICROTASKS && !done; turn++) await undefined;
  return done;
}
/** What undici's streams need to say that a body of one chunk is over; a few to spare. */
const MICROTASKS = 4;

function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError(
    `Expected the chunks of a response's body to be Uint8Array, got ${typeof chunk}; encode text with TextEncoderStream.`,
  );
}

function ignore(): void {}
