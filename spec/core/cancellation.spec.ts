import { describe, expect, it } from 'vitest';
import { Cancellation, cancellationOf } from '../../lib/core/cancellation.ts';
import { CancellationError, CancellationSource, isCancellation } from '../../lib/core/index.ts';

describe('a cancellation', () => {
  it('makes its one error when it is first asked', () => {
    const cancellation = new Cancellation('TIMEOUT', { description: 'slow', cause: 1 });
    expect(cancellation.made).toBe(undefined);
    expect(cancellation.error).toMatchObject({ reason: 'TIMEOUT', description: 'slow', cause: 1 });
    expect(cancellation.error).toBe(cancellation.error);
    expect(cancellation.signalReason).toBe(cancellation.error);
  });

  it('of a signal carries the signal’s reason, and an error around it', () => {
    const reason = { name: 'TimeoutError' };
    const cancellation = cancellationOf(AbortSignal.abort(reason));
    expect([cancellation.reason, cancellation.signalReason, cancellation.error.cause]).toEqual([
      'TIMEOUT',
      reason,
      reason,
    ]);
    expect(cancellation.signalReason).toBe(reason);
  });

  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const thrower = Object.defineProperty({}, 'name', {
    get() {
      throw new Error('no name');
    },
  });
  it.each<[string, unknown]>([
    ['whose name can’t be read', thrower],
    ['that is a revoked proxy', revoked.proxy],
  ])('of a signal aborted with something %s arrives all the same', (_, reason) => {
    const controller = new AbortController();
    const { token } = new CancellationSource({ parent: controller.signal });
    let heard = 0;
    token.onCancel(() => heard++);
    controller.abort(reason);
    expect([token.cancelled, token.reason, heard, isCancellation(reason)]).toEqual([true, 'CANCELLED', 1, false]);
    expect(token.signal.reason === reason && token.error?.cause === reason).toBe(true);
  });

  it('of a signal that carries one of our errors is that error', () => {
    const error = new CancellationError('SHUTDOWN');
    expect(cancellationOf(AbortSignal.abort(error)).error).toBe(error);
    expect(cancellationOf(AbortSignal.abort(error)).signalReason).toBe(error);
  });

  it('is of what was said at the time of the cancel, whatever becomes of the details afterwards', () => {
    const source = new CancellationSource();
    const details: { description: string; cause?: unknown } = { description: 'then' };
    source.cancel('SHUTDOWN', details);
    details.description = 'now';
    details.cause = 1;
    expect(source.token.error?.description).toBe('then');
    expect(Object.hasOwn(source.token.error!, 'cause')).toBe(false);
  });
});
