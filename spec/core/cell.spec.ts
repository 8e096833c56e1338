import { describe, expect, it } from 'vitest';
import { CancelCell, CancellationToken, CancelReason } from '../../lib/core/index.ts';

describe('a cell', () => {
  it('S3-09, S3-37: begins live, and hands out the same token however often it is asked', () => {
    const cell = new CancelCell();
    const handle = cell.handle();
    expect([handle.cancelled, handle.reason, cell.epoch]).toEqual([false, undefined, 0]);
    expect(cell.handle()).toBe(handle);
    expect(handle).toBeInstanceOf(CancellationToken);
  });

  it.each(Object.values(CancelReason))(
    'S3-03, S3-12, S3-16: flipped to %s is seen through every handle, in a handler too',
    (reason) => {
      const cell = new CancelCell();
      const [one, two] = [cell.handle(), cell.handle()];
      const handler = (cancel: CancellationToken): string => {
        if (cancel.reason === reason) return `stopped by ${cancel.reason}`;
        return 'done';
      };
      expect(handler(one)).toBe('done');
      expect(cell.flip(reason)).toBe(true);
      expect([one.reason, two.reason, handler(cell.handle())]).toEqual([reason, reason, `stopped by ${reason}`]);
    },
  );

  it('S4-03: the first flip of an epoch wins', () => {
    const cell = new CancelCell();
    expect([cell.flip('TIMEOUT'), cell.flip('SHUTDOWN')]).toEqual([true, false]);
    expect(cell.handle().reason).toBe('TIMEOUT');
  });

  it('S3-10, E13: a reset opens a new epoch; old handles stay as they are, for good', () => {
    const cell = new CancelCell();
    const first = cell.handle();
    cell.flip('PEER_CLOSED');
    cell.reset();
    const second = cell.handle();
    cell.reset();
    expect([first.reason, second.cancelled, second.canBeCancelled]).toEqual(['PEER_CLOSED', false, false]);
    expect([cell.epoch, cell.handle().cancelled]).toEqual([2, false]);
    cell.flip('TIMEOUT');
    expect([first.reason, second.cancelled, cell.handle().reason]).toEqual(['PEER_CLOSED', false, 'TIMEOUT']);
  });

  it('S3-11: a late write of an earlier epoch does nothing', () => {
    const cell = new CancelCell();
    const { epoch } = cell;
    const timer = () => cell.flip('TIMEOUT', epoch);
    cell.reset();
    expect([timer(), cell.handle().cancelled]).toEqual([false, false]);
    expect(cell.flip('TIMEOUT', cell.epoch)).toBe(true);
    expect(cell.handle().cancelled).toBe(true);
  });

  it('a callback of an earlier epoch is released by the reset', () => {
    const cell = new CancelCell();
    const registration = cell.handle().onCancel(() => expect.unreachable());
    cell.reset();
    cell.flip('SHUTDOWN');
    expect(registration.unregister()).toBe(false);
  });

  it('may be flipped and reset from inside a callback', () => {
    const cell = new CancelCell();
    const first = cell.handle();
    const log: unknown[] = [];
    first.onCancel(() => {
      cell.reset();
      log.push(cell.flip('SHUTDOWN'), cell.handle().reason);
    });
    first.onCancel(({ reason }) => log.push(reason));
    cell.flip('TIMEOUT');
    expect([...log, first.reason]).toEqual([true, 'SHUTDOWN', 'TIMEOUT', 'TIMEOUT']);
  });

  it('closed, can neither be flipped nor reset; a cancel that was stays', () => {
    const cell = new CancelCell();
    const handle = cell.handle();
    {
      using _ = cell;
    }
    expect(handle.canBeCancelled).toBe(false);
    cell.close();
    cell.reset();
    expect([cell.flip('SHUTDOWN'), cell.epoch, cell.handle() === handle, handle.canBeCancelled]).toEqual([
      false,
      0,
      true,
      false,
    ]);
    const flipped = new CancelCell();
    flipped.flip('TIMEOUT');
    flipped.close();
    expect(flipped.handle().reason).toBe('TIMEOUT');
  });
});
