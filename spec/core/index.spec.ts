import { describe, expect, it } from 'vitest';
import * as core from '../../lib/core/index.ts';

describe('the door of the core', () => {
  it('offers these names and no others', () => {
    expect(Object.keys(core).sort()).toEqual([
      'CancelCell',
      'CancelReason',
      'CancellationError',
      'CancellationSource',
      'CancellationToken',
      'Registration',
      'clock',
      'currentToken',
      'expected',
      'isCancellation',
      'pendingAlarms',
      'reasonOf',
      'ringDue',
      'runAsCurrent',
      'setClock',
      'setCurrentToken',
      'setInstrument',
      'snapshot',
      'tellDeadline',
      'toToken',
    ]);
  });

  it('S2-01, S2-20: neither tokens nor registrations offer a way to cancel', () => {
    const own = (value: object) => Reflect.ownKeys(value).filter((key) => key !== 'constructor');
    expect(own(core.CancellationToken.prototype)).toEqual([
      'cancelled',
      'canBeCancelled',
      'reason',
      'error',
      'deadline',
      'signal',
      'remaining',
      'throwIfCancelled',
      'onCancel',
      'child',
    ]);
    expect(own(core.Registration.prototype)).toEqual(['unregister', Symbol.dispose, Symbol.asyncDispose]);
  });
});
