import { type Cancellable, type CancelReason, toToken } from '../core/index.ts';
import { Cell } from './cell.ts';

/** A token as other threads see it. */
export interface SharedToken extends Disposable {
  /** Shared memory, to be sent to any number of threads by `postMessage` or `workerData`: they all see the same. */
  readonly cell: SharedArrayBuffer;
  /** Lets go of the token: the other threads' tokens stay as they are, and what they hold for it goes. Idempotent. */
  close(): void;
}

/**
 * Puts a token's state into shared memory, so that another thread sees a cancel even while it is busy and takes no message.
 *
 * It shares the reason; the error's description and cause stay in this thread. A deadline goes along as the time that is
 * left, and it is this thread's clock that decides; so its event loop has to turn. Follows vscode-jsonrpc's cancellation by
 * shared memory.
 *
 * @returns to be closed when the work that it was shared for has ended: until then the token holds it
 * @throws TypeError for a token that is none, Error where there is no SharedArrayBuffer
 *
 * @example
 * using shared = shareToken(token);
 * worker.postMessage({ rows, cell: shared.cell });
 * await onceEvent(worker, 'message', token);
 */
export function shareToken(token: Cancellable): SharedToken {
  const own = toToken('token', token);
  const cell = Cell.make(own.remaining());
  // As an object, which is called without the error: making that would take longer than all the rest.
  const registration = own.onCancel({ onCancelled: ({ reason }) => cell.cancel(reason as CancelReason) });
  const close = (): void => {
    registration.unregister();
    cell.close();
  };
  return { cell: cell.memory, close, [Symbol.dispose]: close };
}
