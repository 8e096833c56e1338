import type { Method } from './contract.ts';
import type { Interceptor } from './interceptor.ts';
import type { Transport } from './transport.ts';

/** What all calls of one method share. */
export interface Callee {
  readonly path: string;
  readonly service: string;
  readonly name: string;
  readonly method: Method;
  readonly transport: Transport;
  readonly interceptors: readonly Interceptor[];
  /** Requests, and their messages, of so many bytes and more are compressed. */
  readonly compressMinBytes: number;
  /** The largest message of an answer, in bytes. */
  readonly maxMessageBytes: number;
  /** Goes by GET, where it fits. */
  readonly get: boolean;
}
