import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COMPRESSED, END_STREAM, type Envelope, EnvelopeReader, seal } from '../../lib/wire/index.ts';

/** All messages in some pieces. */
function cut(pieces: readonly Uint8Array[], limit = 1_000): { messages: Envelope[]; inside: boolean } {
  const reader = new EnvelopeReader(limit);
  const messages: Envelope[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next);
  }
  return { messages, inside: reader.inside };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('an envelope', () => {
  it('is five bytes of flags and length, big-endian, and the message', () => {
    expect(seal(END_STREAM, bytes(7, 8))).toEqual(bytes(2, 0, 0, 0, 2, 7, 8));
    expect(seal(COMPRESSED, new Uint8Array(0x0102)).subarray(0, 5)).toEqual(bytes(1, 0, 0, 1, 2));
  });

  it('comes out as it went in, however the bytes are cut', () => {
    const message = fc.record({ flags: fc.integer({ min: 0, max: 3 }), data: fc.uint8Array({ maxLength: 40 }) });
    fc.assert(
      fc.property(fc.array(message), fc.array(fc.integer({ min: 1, max: 50 })), (sent, cuts) => {
        const whole = Uint8Array.from(sent.flatMap(({ flags, data }) => [...seal(flags, data)]));
        const pieces: Uint8Array[] = [];
        let at = 0;
        for (const length of cuts) {
          pieces.push(whole.slice(at, at + length));
          at += length;
        }
        const { inside, messages } = cut([...pieces, whole.slice(at)]);
        expect(messages.map(({ flags, data }) => ({ flags, data: Uint8Array.from(data) }))).toEqual(sent);
        expect(inside).toBe(false);
      }),
    );
  });

  it('that comes in small pieces keeps none of them: they would hold what was read with them', async () => {
    const reader = new EnvelopeReader(1_000_000);
    reader.push(bytes(0, 0, 0x0f, 0, 0));
    const kept: WeakRef<ArrayBufferLike>[] = [];
    for (let i = 0; i < 1_000; i++) {
      expect(reader.next()).toBeUndefined();
      const piece = bytes(i, i, i).subarray(1, 2);
      kept.push(new WeakRef(piece.buffer));
      reader.push(piece);
    }
    await new Promise(setImmediate);
    gc!();
    expect(kept.filter((buffer) => buffer.deref() !== undefined).length).toBeLessThan(10);
    expect(reader.inside).toBe(true);
  });

  it('that is not whole is known to be open, in its head as in its data', () => {
    expect(cut([bytes(0, 0)])).toEqual({ messages: [], inside: true });
    expect(cut([bytes(0, 0, 0, 0, 3, 1)])).toEqual({ messages: [], inside: true });
    expect(cut([bytes(0, 0, 0, 0, 0)]).inside).toBe(false);
  });

  it('over the limit is refused by its first five bytes, one of the limit is taken', () => {
    expect(() => cut([bytes(0, 0xff, 0xff, 0xff, 0xff)])).toThrow(
      expect.objectContaining({ code: 'resource_exhausted' }),
    );
    expect(() => cut([bytes(0, 0, 0, 0, 4)], 3)).toThrow('at most 3 bytes, got one of 4');
    expect(cut([seal(0, bytes(1, 2, 3))], 3).messages).toHaveLength(1);
  });

  it.each([4, 8, 0x80, 0xff])('with the flags %i, which nobody has defined, is refused', (flags) => {
    expect(() => cut([bytes(flags, 0, 0, 0, 0)])).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('any bytes are messages or are refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 })), (pieces) => {
        try {
          for (const { data } of cut(pieces, 64).messages) expect(data.length).toBeLessThanOrEqual(64);
        } catch (error) {
          expect((error as Error).name).toBe('EnvelopeError');
        }
      }),
    );
  });
});
