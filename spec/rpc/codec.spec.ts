import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CodecError, decodeJson, encodeJson } from '../../lib/rpc/codec.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('JSON on the wire', () => {
  it('what is encoded decodes to the same', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const value: unknown = JSON.parse(json);
        if (json.includes('__proto__')) return;
        expect(decodeJson(bytes(encodeJson(value, 'value')))).toEqual(value);
      }),
    );
  });

  it('any bytes decode or are refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.string().map(bytes)), (body) => {
        try {
          decodeJson(body);
        } catch (error) {
          expect(error).toBeInstanceOf(CodecError);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    [[0xff], 'Expected the body to be UTF-8.'],
    [[0x22, 0xc3, 0x28, 0x22], 'Expected the body to be UTF-8.'],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 'Expected the body to be UTF-8.'],
    [[], 'Expected the body to be JSON: '],
    [[0x7b], 'Expected the body to be JSON: '],
  ])('refuses the bytes %j', (body, message) => {
    expect(() => decodeJson(Uint8Array.from(body))).toThrow(message);
  });

  it.each([
    '{"__proto__":{"admin":true}}',
    '{"a":[{"b":{"__proto__":1}}]}',
    '[[{"__proto__":null}]]',
    '{"\\u005f_proto__":1}',
    '{"\\u005F\\u005fproto\\u005f_":1}',
  ])('refuses a key that could change a prototype further on: %s', (json) => {
    expect(() => decodeJson(bytes(json))).toThrow('Expected JSON without a key `__proto__`.');
  });

  it.each(['{"a":"__proto__"}', '"__proto__"', '{"a":"\\u005f"}', '{"constructor":1}'])('takes %s', (json) => {
    expect(decodeJson(bytes(json))).toEqual(JSON.parse(json));
  });

  it('takes what nests deeper than the stack, also where it has to look for keys', () => {
    const depth = 200_000;
    expect(() => decodeJson(bytes(`${'['.repeat(depth)}"\\u0041"${']'.repeat(depth)}`))).not.toThrow();
    expect(() => decodeJson(bytes(`${'['.repeat(depth)}{"__proto__":1}${']'.repeat(depth)}`))).toThrow(CodecError);
    expect(() => decodeJson(bytes(`["\\u0041"${',1'.repeat(depth)}]`))).not.toThrow();
  });

  it.each([undefined, () => 1, Symbol('s')])('refuses to send %s, which JSON has no form for', (value) => {
    expect(() => encodeJson(value, 'request')).toThrow('Expected the request to be a JSON value');
  });

  it('refuses to send what JSON cannot hold', () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    expect(() => encodeJson(cyclic, 'request')).toThrow(TypeError);
    expect(() => encodeJson(1n, 'request')).toThrow(TypeError);
  });
});
