/**
 * The messages of a stream: one byte of flags, four bytes of length (big-endian), then so many bytes.
 *
 * 1. A length over the limit is refused when its five bytes are there, before anything is kept for it.
 * 2. What is kept is what has come, whatever a length promises, and however small the pieces: each would be an object of its own,
 *    many times its size, and might hold on to all that was read with it.
 */
import type { Code } from './status.ts';

/** The message is compressed, with what the stream's headers name. */
export const COMPRESSED = 1;
/** The last message of an answer: how the call ended. */
export const END_STREAM = 2;

const HEAD = 5;
/** An end that says why is never too large for those who keep messages small: that would be told in its place. */
const LEAST_END = 64 << 10;
/** Larger pieces are kept as they come. */
const SMALL = 4_096;

export interface Envelope {
  readonly flags: number;
  readonly data: Uint8Array;
}

/** Bytes that are no stream of messages; `code` is what a server answers them with. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError';
  readonly code: Code;
  constructor(code: Code, message: string) {
    super(message);
    this.code = code;
  }
}

/** The most bytes of a message with these flags, where `limit` is that of messages. */
export function limitOf(flags: number, limit: number): number {
  return (flags & END_STREAM) === 0 ? limit : Math.max(limit, LEAST_END);
}

/** One message, ready to be sent. */
export function seal(flags: number, data: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(HEAD + data.length);
  sealed[0] = flags;
  new DataView(sealed.buffer).setUint32(1, data.length);
  sealed.set(data, HEAD);
  return sealed;
}

/** Cuts what a peer sends, in whatever pieces it comes, into messages. */
export class EnvelopeReader {
  readonly #limit: number;
  #chunks: Uint8Array[] = [];
  #size = 0;
  /** Of the message whose rest is awaited. */
  #flags = 0;
  #length: number | undefined;

  /** @param limit the most bytes of one message */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether a message has begun that is not whole. */
  get inside(): boolean {
    return this.#size > 0 || this.#length !== undefined;
  }

  /** Takes the next piece. */
  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#size += chunk.length;
    let last = chunk;
    // Small ones stay only behind larger ones; so a byte is copied a few times, even if all come one by one.
    for (let before = this.#chunks.at(-1); before !== undefined; before = this.#chunks.at(-1)) {
      if (last.length > SMALL || before.length > last.length) break;
      this.#chunks.pop();
      last = joined(before, last);
    }
    this.#chunks.push(last);
  }

  /**
   * The next whole message, or undefined until more has come.
   *
   * @throws EnvelopeError for flags that are not defined and a length over the limit
   */
  next(): Envelope | undefined {
    if (this.#length === undefined && this.#size >= HEAD) this.#readHead(this.#take(HEAD));
    if (this.#length === undefined || this.#size < this.#length) return undefined;
    const data = this.#take(this.#length);
    this.#length = undefined;
    return { flags: this.#flags, data };
  }

  #readHead(head: Uint8Array): void {
    const flags = head[0] as number;
    const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
    if (flags > (COMPRESSED | END_STREAM)) {
      throw new EnvelopeError('invalid_argument', `Expected the flags of a message to be 0 to 3, got ${flags}.`);
    }
    const limit = limitOf(flags, this.#limit);
    if (length > limit) {
      const message = `Expected a message of at most ${limit} bytes, got one of ${length}.`;
      throw new EnvelopeError('resource_exhausted', message);
    }
    this.#flags = flags;
    this.#length = length;
  }

  #take(count: number): Uint8Array {
    this.#size -= count;
    const first = this.#chunks[0];
    if (first === undefined || first.length < count) return this.#join(count);
    if (first.length === count) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(count);
    return first.subarray(0, count);
  }

  #join(count: number): Uint8Array {
    const whole = new Uint8Array(count);
    let at = 0;
    let used = 0;
    for (; at < count; used++) {
      const chunk = this.#chunks[used] as Uint8Array;
      whole.set(chunk.subarray(0, count - at), at);
      if (chunk.length > count - at) {
        this.#chunks[used] = chunk.subarray(count - at);
        break;
      }
      at += chunk.length;
    }
    this.#chunks = this.#chunks.slice(used);
    return whole;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
