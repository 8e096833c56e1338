import type { CancellationToken } from '../core/index.ts';

/**
 * How long a peer may take, after a deadline that it was told, to end the call by itself; in milliseconds.
 *
 * Its clock starts when the headers arrive, so it fires a moment after ours. Told at once, it would take the deadline for a
 * change of mind (CANCELLED), at every hop; left alone that long it says TIMEOUT, and its answer spares a reset.
 */
export const LINGER_MS = 100;

/** Whether the peer of a call under `token` knows by itself that it is over. */
export function peerKnows(token: CancellationToken): boolean {
  return token.reason === 'TIMEOUT' && token.remaining() === 0;
}
