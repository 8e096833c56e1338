import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codes, decodeError, encodeError } from '../../lib/wire/index.ts';

const detail = fc.record({
  type: fc.string(),
  value: fc.base64String(),
  debug: fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))),
});

describe('error JSON', () => {
  it('what is encoded decodes to the same, for every code', () => {
    const errors = fc.record({
      code: fc.constantFrom(...codes),
      message: fc.string(),
      details: fc.array(detail, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(errors, (error) => {
        expect(decodeError(JSON.parse(encodeError(error)), 'unknown')).toEqual(error);
      }),
    );
  });

  it('leaves out what is empty', () => {
    expect(encodeError({ code: 'not_found', message: '', details: [] })).toBe('{"code":"not_found"}');
  });

  it('an error that JSON cannot hold is still answered, without its details', () => {
    const cyclic: { type: string; debug?: unknown } = { type: 'x' };
    cyclic.debug = cyclic;
    expect(encodeError({ code: 'aborted', message: 'm', details: [cyclic] })).toBe('{"code":"aborted","message":"m"}');
  });

  it.each([
    {},
    { code: null },
    { code: 1 },
    { code: 'no_such_code' },
    { code: 'CANCELED' },
    { code: '__proto__' },
    null,
    [[]],
    'text',
    7,
    undefined,
  ])('without a code that exists, %j means what the HTTP status means', (body) =>
    expect(decodeError(body, 'unavailable').code).toBe('unavailable'),
  );

  it('keeps the message when only the code is unusable, and drops what has the wrong type', () => {
    expect(decodeError({ code: 'oops', message: 'm' }, 'internal')).toEqual({
      code: 'internal',
      message: 'm',
      details: [],
    });
    expect(
      decodeError({ code: 'aborted', message: 1, details: [1, null, {}, { type: 2 }, { type: 'ok' }] }, 'internal'),
    ).toEqual({
      code: 'aborted',
      message: '',
      details: [{ type: 'ok' }],
    });
    expect(decodeError({ code: 'aborted', details: {} }, 'internal').details).toEqual([]);
  });

  it('T-20: any JSON decodes to an error, and nothing throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(...codes), (body, fallback) => {
        const error = decodeError(body, fallback);
        return codes.includes(error.code) && typeof error.message === 'string' && Array.isArray(error.details);
      }),
    );
  });
});
