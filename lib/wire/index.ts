export { decodeError, type ErrorDetail, encodeError, type WireError } from './error-json.ts';
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
export { BodyTooLargeError, type Exchange, type ExchangeHandler, exchangeHandler } from './exchange.ts';
