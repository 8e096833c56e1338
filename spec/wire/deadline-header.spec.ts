import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGrpcTimeout, formatTimeout, parseGrpcTimeout, parseTimeout } from '../../lib/wire/index.ts';

describe('connect-timeout-ms', () => {
  it('no header means no deadline', () => {
    expect(parseTimeout(undefined)).toBe(Infinity);
    expect(formatTimeout(Infinity)).toBeUndefined();
  });

  it.each(['1', '250', '0000000250', '9999999999'])('takes the legal value %s', (value) => {
    expect(parseTimeout(value)).toBe(Number(value));
  });

  it.each([
    '',
    '0',
    '0000000000',
    '-5',
    '+5',
    '1.5',
    '1e3',
    ' 5',
    '5 ',
    '0x10',
    '12345678901',
    '5,5',
    '5, 5',
    '٥',
    'Infinity',
    'NaN',
  ])('refuses %j and says what is expected', (value) => {
    expect(parseTimeout(value)).toEqual({
      expected: `Expected \`connect-timeout-ms\` to be a positive whole number of milliseconds, 1 to 10 digits, got \`${value}\`.`,
    });
  });

  it('repeats only the beginning of a long value', () => {
    const parsed = parseTimeout('9'.repeat(100_000));
    expect(parsed).toMatchObject({ expected: expect.stringContaining(`\`${'9'.repeat(24)}…\``) });
  });

  it('T-13: any header is either a positive integer below 10^10 or malformed, and nothing throws', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789-+. eE'), maxLength: 12 });
    const headers = fc.oneof(digits, fc.string({ unit: 'binary' }), fc.integer().map(String), fc.double().map(String));
    fc.assert(
      fc.property(headers, (value) => {
        const parsed = parseTimeout(value);
        const legal = /^\d{1,10}$/.test(value) && BigInt(value) > 0n;
        return typeof parsed === 'number' ? legal && parsed === Number(value) : !legal;
      }),
      { numRuns: 100_000 },
    );
  });

  it('S1-20, S0-23: what is sent is the remaining time, rounded up to a whole millisecond, at least 1, at most 10 digits', () => {
    expect([0.2, 1, 1.01, 250, -3, 0].map(formatTimeout)).toEqual(['1', '1', '2', '250', '1', '1']);
    expect(formatTimeout(1e12)).toBe('9999999999');
    fc.assert(
      fc.property(fc.double({ min: 0, max: 9_999_999_999, noNaN: true }), (remaining) => {
        const sent = parseTimeout(formatTimeout(remaining)) as number;
        return sent >= remaining && sent < Math.max(remaining, 0) + 1.000001 && Number.isInteger(sent) && sent >= 1;
      }),
    );
  });
});

describe('grpc-timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3_000],
    ['4m', 4],
    ['500u', 0.5],
    ['1000000n', 1],
    ['99999999H', 99_999_999 * 3_600_000],
    ['0m', 0],
  ])('S1-21: %s is %d milliseconds', (value, timeout) => {
    expect(parseGrpcTimeout(value)).toBeCloseTo(timeout, 9);
  });

  it.each(['', 'm', '5', '-1S', '999999999H', '1s', '1 m', '1.5S', '1h', '1mm'])('S1-21: refuses %j', (value) => {
    expect(parseGrpcTimeout(value)).toEqual({
      expected: `Expected \`grpc-timeout\` to be 1 to 8 digits and one of the units H M S m u n, got \`${value}\`.`,
    });
  });

  it('S1-21: over 8 digits it moves to a coarser unit, rounded down', () => {
    expect([0.2, 99_999_999, 100_000_000, 100_000_999].map(formatGrpcTimeout)).toEqual([
      '1m',
      '99999999m',
      '100000S',
      '100000S',
    ]);
    expect(formatGrpcTimeout(99_999_999_999)).toBe('99999999S');
    expect(formatGrpcTimeout(100_000_000_000)).toBe('1666666M');
    expect(formatGrpcTimeout(Number.MAX_VALUE)).toBe('99999999H');
    expect(formatGrpcTimeout(Infinity)).toBeUndefined();
  });

  it('S1-21: what is formatted parses back, never longer than the whole milliseconds that remained', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e17, noNaN: true }), (remaining) => {
        const value = formatGrpcTimeout(remaining) as string;
        const back = parseGrpcTimeout(value) as number;
        return /^\d{1,8}[HMSm]$/.test(value) && back >= 1 && back <= Math.max(1, Math.ceil(remaining));
      }),
    );
  });

  it('any header parses to a number that is not negative, or is malformed', () => {
    const near = fc.string({ unit: fc.constantFrom(...'0123456789HMSmun-.'), maxLength: 10 });
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (value) => {
        const parsed = parseGrpcTimeout(value);
        return typeof parsed === 'number' ? parsed >= 0 && Number.isFinite(parsed) : parsed.expected.length < 200;
      }),
      { numRuns: 20_000 },
    );
  });
});
