import { describe, expect, it } from 'vitest';
import { rpcErrorWithoutStack } from '../../lib/rpc/error.ts';
import { RpcCode, RpcError } from '../../lib/rpc/index.ts';
import { codes } from '../../lib/wire/index.ts';

describe('RpcError', () => {
  it('has a code, a message, details, metadata and what stays here', () => {
    const cause = new Error('inner');
    const error = new RpcError('not_found', 'no Ada', {
      details: [{ type: 'demo.Hint', value: 'YQ' }],
      metadata: { 'retry-after': '1' },
      reason: 'CANCELLED',
      cause,
    });
    expect(error).toMatchObject({ name: 'RpcError', code: 'not_found', message: 'no Ada', reason: 'CANCELLED', cause });
    expect([error.details, error.metadata]).toEqual([[{ type: 'demo.Hint', value: 'YQ' }], { 'retry-after': '1' }]);
    expect(String(error)).toBe('RpcError: no Ada');
  });

  it('has nothing where nothing was given, a `cause` neither', () => {
    const error = new RpcError('aborted');
    expect(error).toMatchObject({ message: '', details: [], metadata: {}, neverProcessed: false, remote: false });
    expect('cause' in error).toBe(false);
    expect(error.reason).toBeUndefined();
  });

  it('is recognised across copies of the package', () => {
    const foreign = Object.defineProperty(new Error(), Symbol.for('nevermind.RpcError'), { value: true });
    expect(foreign).toBeInstanceOf(RpcError);
    expect(new RpcError('unknown')).toBeInstanceOf(Error);
    for (const other of [new Error(), null, undefined, 'RpcError', {}]) expect(other instanceof RpcError).toBe(false);
  });

  it.each([
    ['no_such_code', {}],
    ['CANCELED', {}],
    ['aborted', { metadata: { 'X-Upper': '1' } }],
    ['aborted', { metadata: { 'connect-x': '1' } }],
    ['aborted', { metadata: { 'http2-settings': 'AAMAAABk' } }],
    ['aborted', { metadata: { 'x-a': 'ä' } }],
    ['aborted', { metadata: { 'x-a': 'split\r\nset-cookie: 1' } }],
  ])('refuses the code %s with %j', (code, options) => {
    expect(() => new RpcError(code as RpcCode, '', options)).toThrow(TypeError);
  });

  it('without a stack it is the same, and leaves the limit of stacks as it was', () => {
    const before = Error.stackTraceLimit;
    const error = rpcErrorWithoutStack('canceled', 'stopped', { reason: 'CANCELLED' });
    expect(error).toMatchObject({ code: 'canceled', message: 'stopped', reason: 'CANCELLED' });
    expect(error.stack).toBe('RpcError: stopped');
    expect(Error.stackTraceLimit).toBe(before);
  });
});

it('RpcCode names every code of the wire', () => {
  expect(Object.values(RpcCode)).toEqual(codes);
  expect(Object.entries(RpcCode).every(([name, code]) => name.toLowerCase() === code)).toBe(true);
});
