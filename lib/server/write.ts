import type { Writable } from 'node:stream';

/**
 * Writes a piece; the promise is there while the peer is slower than we are, and resolves too when it has gone. After the end
 * nothing is written: Node would report it as an error that nobody listens to.
 */
export function writeTo(outgoing: Writable, chunk: Uint8Array): Promise<void> | undefined {
  if (outgoing.writableEnded || outgoing.write(chunk) || outgoing.destroyed) return undefined;
  return new Promise((resolve) => {
    const settle = () => {
      outgoing.off('drain', settle).off('close', settle);
      resolve();
    };
    outgoing.on('drain', settle).on('close', settle);
  });
}
