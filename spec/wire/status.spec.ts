import { constants } from 'node:http2';
import { describe, expect, it } from 'vitest';
import {
  codeOfGrpc,
  codeOfHttp,
  codeOfReason,
  codes,
  failureOfNodeError,
  failureOfReset,
  grpcOfCode,
  httpOfCode,
  httpOfReason,
  isAnswered,
  isCode,
  RST_CANCEL,
  reasonOfCode,
} from '../../lib/wire/index.ts';

describe('codes', () => {
  it.each([
    ['canceled', 1, 499],
    ['unknown', 2, 500],
    ['invalid_argument', 3, 400],
    ['deadline_exceeded', 4, 504],
    ['not_found', 5, 404],
    ['already_exists', 6, 409],
    ['permission_denied', 7, 403],
    ['resource_exhausted', 8, 429],
    ['failed_precondition', 9, 400],
    ['aborted', 10, 409],
    ['out_of_range', 11, 400],
    ['unimplemented', 12, 501],
    ['internal', 13, 500],
    ['unavailable', 14, 503],
    ['data_loss', 15, 500],
    ['unauthenticated', 16, 401],
  ] as const)('%s is gRPC %d and HTTP %d', (code, grpc, http) => {
    expect([grpcOfCode(code), httpOfCode(code), codeOfGrpc(grpc)]).toEqual([grpc, http, code]);
  });

  it('there are sixteen, and nothing else is one', () => {
    expect(codes).toHaveLength(16);
    for (const other of ['ok', 'CANCELED', 'cancelled', '', '__proto__', 'toString', 1, null, undefined])
      expect(isCode(other)).toBe(false);
  });

  it('gRPC 0 is no error, and a number nobody gave out is unknown', () => {
    expect([codeOfGrpc(0), codeOfGrpc(17), codeOfGrpc(-1), codeOfGrpc(1.5)]).toEqual([
      undefined,
      'unknown',
      'unknown',
      'unknown',
    ]);
  });

  it.each([
    [400, 'internal'],
    [401, 'unauthenticated'],
    [403, 'permission_denied'],
    [404, 'unimplemented'],
    [429, 'unavailable'],
    [502, 'unavailable'],
    [503, 'unavailable'],
    [504, 'unavailable'],
    [200, 'unknown'],
    [405, 'unknown'],
    [415, 'unknown'],
    [499, 'unknown'],
    [500, 'unknown'],
  ] as const)('HTTP %d without a body is %s', (status, code) => {
    expect(codeOfHttp(status)).toBe(code);
  });
});

describe('reasons', () => {
  it.each([
    ['CANCELLED', 'canceled', 499, false],
    ['PEER_CLOSED', 'canceled', 499, false],
    ['TIMEOUT', 'deadline_exceeded', 504, true],
    ['SHUTDOWN', 'unavailable', 503, true],
  ] as const)('S1-02, S1-24, S3-04: %s is %s, HTTP %d, answered: %s', (reason, code, http, answered) => {
    expect([codeOfReason(reason), httpOfReason(reason), isAnswered(reason)]).toEqual([code, http, answered]);
  });

  it('E27: a body that did not arrive in time is 408, and only that', () => {
    expect(
      (['CANCELLED', 'PEER_CLOSED', 'TIMEOUT', 'SHUTDOWN'] as const).map((reason) => httpOfReason(reason, true)),
    ).toEqual([499, 499, 408, 503]);
  });

  it('a received code stands for a reason only where it is a cancellation', () => {
    expect(codes.filter((code) => reasonOfCode(code) !== undefined)).toEqual(['canceled', 'deadline_exceeded']);
    expect([reasonOfCode('canceled'), reasonOfCode('deadline_exceeded')]).toEqual(['CANCELLED', 'TIMEOUT']);
  });
});

describe('resets', () => {
  it.each([
    [0, 'canceled'],
    [1, 'internal'],
    [2, 'internal'],
    [3, 'internal'],
    [4, 'internal'],
    [5, 'internal'],
    [6, 'internal'],
    [7, 'unavailable'],
    [8, 'canceled'],
    [9, 'internal'],
    [10, 'internal'],
    [11, 'resource_exhausted'],
    [12, 'permission_denied'],
    [13, 'internal'],
    [14, 'internal'],
    [0x1234, 'internal'],
  ] as const)('S1-24: RST_STREAM %d means %s', (rst, code) => {
    expect(failureOfReset(rst).code).toBe(code);
  });

  it('carries the names of RFC 9113, as node:http2 has them', () => {
    for (let rst = 0; rst <= 13; rst++) {
      const constant = `NGHTTP2_${failureOfReset(rst).name}` as keyof typeof constants;
      expect(constants[constant], constant).toBe(rst);
    }
    expect(RST_CANCEL).toBe(constants.NGHTTP2_CANCEL);
  });

  it('only REFUSED_STREAM is safe to send again', () => {
    expect(Array.from({ length: 20 }, (_, rst) => rst).filter((rst) => failureOfReset(rst).neverProcessed)).toEqual([
      7,
    ]);
  });
});

describe("Node's errors", () => {
  it.each(['ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT'])(
    '%s is unavailable: never processed while connecting, perhaps processed later',
    (code) => {
      expect(failureOfNodeError(code, true)).toEqual({ code: 'unavailable', neverProcessed: true, name: code });
      expect(failureOfNodeError(code, false)).toEqual({ code: 'unavailable', neverProcessed: false, name: code });
    },
  );

  it.each(['ERR_HTTP2_GOAWAY_SESSION', 'UND_ERR_CONNECT_TIMEOUT'])('%s is unavailable, never processed', (code) => {
    expect(failureOfNodeError(code, false)).toEqual({ code: 'unavailable', neverProcessed: true, name: code });
  });

  it.each(['ECONNRESET', 'EPIPE', 'ERR_HTTP2_SESSION_ERROR', 'anything'])(
    '%s is unavailable, perhaps processed',
    (code) => {
      expect(failureOfNodeError(code, false)).toEqual({ code: 'unavailable', neverProcessed: false, name: code });
    },
  );
});
