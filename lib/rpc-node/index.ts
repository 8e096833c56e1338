export { type Http2Transport, type Http2TransportOptions, http2Transport } from './http2-transport.ts';
export type { SessionOptions } from './session.ts';
