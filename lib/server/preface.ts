import type { Socket } from 'node:net';
import { clock } from '../core/index.ts';

/** What an HTTP/2 client that needs no negotiation sends first (RFC 9113, section 3.4); no HTTP/1.1 request begins like it. */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

/**
 * Waits for a connection's first bytes and says which protocol they speak. They are put back, so that `decided` finds the socket
 * as if nobody had read it. A peer that does not make itself clear within `timeoutMs` is dropped.
 */
export function sniff(socket: Socket, timeoutMs: number, decided: (isHttp2: boolean) => void): void {
  let seen: Buffer = Buffer.alloc(0);
  const disarm = clock.after(timeoutMs, () => socket.destroy());
  const look = () => {
    // Collected here and put back once: putting them back at once would make the socket readable again, for ever.
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const length = Math.min(seen.length, PREFACE.length);
    const same = PREFACE.compare(seen, 0, length, 0, length) === 0;
    if (same && length < PREFACE.length) return;
    leave();
    socket.unshift(seen);
    decided(same);
  };
  const leave = () => {
    disarm();
    socket.off('readable', look).off('error', leave).off('end', end).off('close', leave);
  };
  // Half a preface is no request: there is nothing to answer.
  const end = () => socket.destroy();
  socket.on('readable', look).on('error', leave).on('end', end).on('close', leave);
}
