export { copyOf } from './copy.ts';
export {
  decodeEndStream,
  decodeError,
  type EndStream,
  type ErrorDetail,
  encodeEndStream,
  encodeError,
  type WireError,
} from './error-json.ts';
export { COMPRESSED, END_STREAM, type Envelope, EnvelopeError, EnvelopeReader, limitOf, seal } from './envelope.ts';
export { Inflow, type Tap } from './inflow.ts';
export {
  formatGrpcTimeout,
  formatTimeout,
  type MalformedTimeout,
  parseGrpcTimeout,
  parseTimeout,
} from './deadline-header.ts';
export { isMetadataName, isMetadataValue } from './metadata.ts';
export {
  GRPC_TIMEOUT_HEADER,
  isJsonType,
  isMethodName,
  isServiceName,
  JSON_TYPE,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_HEADER,
  pathOf,
  STREAM_ACCEPT_HEADER,
  STREAM_ENCODING_HEADER,
  STREAM_TYPE,
  TIMEOUT_HEADER,
} from './names.ts';
export {
  type Code,
  codeOfGrpc,
  codeOfHttp,
  codeOfReason,
  codes,
  type Failure,
  failureOfNodeError,
  failureOfReset,
  grpcOfCode,
  httpOfCode,
  httpOfReason,
  isAnswered,
  isCode,
  RST_CANCEL,
  reasonOfCode,
} from './status.ts';
// The seam between a server of ours and a handler that does without web objects.
export {
  BodyTooLargeError,
  type Exchange,
  type ExchangeHandler,
  exchangeHandler,
  type ResponseWriter,
} from './exchange.ts';
