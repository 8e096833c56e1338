import { describe, expect, it } from 'vitest';
import { CancelReason } from '../../lib/core/index.ts';
import { sentence } from '../../lib/core/reason.ts';

describe('CancelReason', () => {
  it('S3-02: knows CANCELLED, PEER_CLOSED, TIMEOUT and SHUTDOWN, each its own name', () => {
    expect(CancelReason).toEqual({
      CANCELLED: 'CANCELLED',
      PEER_CLOSED: 'PEER_CLOSED',
      TIMEOUT: 'TIMEOUT',
      SHUTDOWN: 'SHUTDOWN',
    });
  });

  it('is frozen: nobody adds a reason', () => {
    expect(Object.isFrozen(CancelReason)).toBe(true);
  });

  it('has a sentence for each', () => {
    expect(Object.keys(sentence)).toEqual(Object.keys(CancelReason));
  });
});
