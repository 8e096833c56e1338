// node:http2 as services have it whose handlers take an AbortSignal: a controller at every hop.
import { bare } from './http2.ts';
import type { Peer } from './peer.ts';

export const peer: Peer = bare((stream, stop) => {
  const controller = new AbortController();
  stream.on('aborted', () => controller.abort());
  controller.signal.addEventListener('abort', stop);
});
