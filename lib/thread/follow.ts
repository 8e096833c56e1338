import { type CancellationError, CancellationSource, CancellationToken, clock, tellDeadline } from '../core/index.ts';
import { Cell } from './cell.ts';

/**
 * The token of a cell that another thread has shared. A poll of `cancelled` or a `checkpoint` reads the shared memory, so
 * that a loop which never lets the event loop turn hears of the cancel too; callbacks run when the event loop turns, as
 * everywhere.
 *
 * Its deadline is what was left when the token was shared, counted from now. It tells how long there is, and calls pass it on;
 * but it is the thread that shared the token which cancels at the true one, as it may have put it off meanwhile, or closed the
 * token. While that thread is blocked, nobody does: for a limit that holds without it, take `token.child({ deadline:
 * token.deadline })`. Waiting for the cancel keeps no thread alive.
 *
 * @param cell as `shareToken` gave it, received by a message
 * @returns a new token with each call; ask once
 * @throws TypeError for what is no such cell
 *
 * @example
 * parentPort.on('message', ({ rows, cell }) => {
 *   const token = tokenFromCell(cell);
 *   for (const row of rows) {
 *     token.throwIfCancelled();
 *     crunch(row);
 *   }
 * });
 */
export function tokenFromCell(cell: SharedArrayBuffer): CancellationToken {
  const memory = Cell.of(cell);
  const token = CancellationToken.from(new CellSignal(memory) as unknown as AbortSignal);
  const { left } = memory;
  if (left === Number.POSITIVE_INFINITY) return token;
  const source = new CancellationSource(token);
  tellDeadline(source, clock.now() + left);
  return source.token;
}

/** One read in 64 is atomic, the first among them. */
const EVERY = 63;

/** As much of an AbortSignal as a token follows: its state, asked each time, and the one listener. */
class CellSignal {
  readonly #cell: Cell;
  #reads = 0;
  #listener: (() => void) | undefined;
  #waiting = false;

  constructor(cell: Cell) {
    this.#cell = cell;
  }

  get aborted(): boolean {
    return (this.#reads++ & EVERY) === 0 ? this.#cell.cancelled : this.#cell.seemsCancelled;
  }

  get reason(): CancellationError {
    return CancellationToken.cancelled(this.#cell.reason).error as CancellationError;
  }

  addEventListener(_: string, listener: () => void): void {
    this.#listener = listener;
    if (!this.#waiting) void this.#wait();
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }

  /** There is one wait at a time, however often somebody comes and goes: it can't be taken back. */
  async #wait(): Promise<void> {
    this.#waiting = true;
    await this.#cell.over();
    this.#listener?.();
  }
}
