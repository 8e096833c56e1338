// The contract: what both sides share.
export {
  service,
  type Service,
  unary,
  type Unary,
  serverStream,
  type ServerStream,
  clientStream,
  type ClientStream,
  bidi,
  type Bidi,
  type Kind,
  type Method,
  type Methods,
} from './contract.ts';
export { RpcError, type RpcErrorOptions, RpcCode } from './error.ts';
export type { Schema } from './schema.ts';
export { describeService, type MethodDescription, type ServiceDescription, type ToJsonSchema } from './describe.ts';

// Above: what users need. Below: what a transport is built of.

export type {
  CallPhase,
  OutgoingCall,
  ReplyHead,
  StreamCall,
  StreamReply,
  Transport,
  UnaryCall,
  UnaryReply,
} from './transport.ts';
export { checkAtLeast } from './at-least.ts';
export { baseOf } from './base-url.ts';
export { bodyLimit } from './body.ts';
export { LINGER_MS, peerKnows } from './linger.ts';
