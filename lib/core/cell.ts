import { checkReason, expected } from './argument.ts';
import type { CancelReason } from './reason.ts';
import { CancellationSource, type CancellationToken } from './source.ts';

/**
 * One reusable place to cancel from, for an owner that serves one thing after another: a connection and its requests.
 *
 * Each `reset()` opens a new epoch with a fresh token. Handles of an earlier epoch keep the state they had: cancelled
 * stays cancelled, live can never be cancelled any more.
 */
export class CancelCell {
  #source: CancellationSource = new CancellationSource();
  #epoch = 0;
  #closed = false;

  /** Counts the resets; hand it to {@link flip} where a late write must not reach the next epoch. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Cancels the current epoch's token.
   *
   * @param epoch when given and past, nothing happens: a timer of request 1 does not hit request 2
   * @returns true only to the call that made the request
   * @throws TypeError for an unknown reason, or an epoch that is no number
   */
  flip(reason: CancelReason, epoch: number = this.#epoch): boolean {
    checkReason(reason);
    if (typeof epoch !== 'number') throw new TypeError(expected('epoch', 'a number, as cell.epoch gave it', epoch));
    return epoch === this.#epoch && this.#source.cancel(reason);
  }

  /** Opens a new epoch; does nothing on a closed cell. */
  reset(): void {
    if (this.#closed) return;
    this.#source.close();
    this.#source = new CancellationSource();
    this.#epoch++;
  }

  /** The current epoch's token, the same one however often it is asked for. */
  handle(): CancellationToken {
    return this.#source.token;
  }

  /** Releases the current epoch for good; idempotent. */
  close(): void {
    this.#closed = true;
    this.#source.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
