import type { CancelReason } from '../core/index.ts';
import { type Code, type ErrorDetail, isCode, isMetadataName, isMetadataValue } from '../wire/index.ts';

/** The sixteen codes of the Connect protocol, spelled as on the wire: `canceled` has one l there. */
export const RpcCode: { readonly [C in Code as Uppercase<C>]: C } = Object.freeze({
  CANCELED: 'canceled',
  UNKNOWN: 'unknown',
  INVALID_ARGUMENT: 'invalid_argument',
  DEADLINE_EXCEEDED: 'deadline_exceeded',
  NOT_FOUND: 'not_found',
  ALREADY_EXISTS: 'already_exists',
  PERMISSION_DENIED: 'permission_denied',
  RESOURCE_EXHAUSTED: 'resource_exhausted',
  FAILED_PRECONDITION: 'failed_precondition',
  ABORTED: 'aborted',
  OUT_OF_RANGE: 'out_of_range',
  UNIMPLEMENTED: 'unimplemented',
  INTERNAL: 'internal',
  UNAVAILABLE: 'unavailable',
  DATA_LOSS: 'data_loss',
  UNAUTHENTICATED: 'unauthenticated',
});
export type RpcCode = Code;

export interface RpcErrorOptions {
  /** Travel with the error: `type` is a Protobuf type's name, `value` its bytes in base64. */
  readonly details?: readonly ErrorDetail[] | undefined;
  /** Travels as headers: lower-case names, printable ASCII. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Why the call was cancelled, where it was. Stays in this process. */
  readonly reason?: CancelReason | undefined;
  /** What led here. Stays in this process. */
  readonly cause?: unknown;
  /** The peer's handler cannot have started. Stays in this process. */
  readonly neverProcessed?: boolean | undefined;
  /** A peer's answer said so. Stays in this process. */
  readonly remote?: boolean | undefined;
}

const brand = Symbol.for('nevermind.RpcError');

/**
 * The error of a call, on either side.
 *
 * Thrown by an implementation, its code, message, details and metadata reach the caller; `cause`, `reason` and the stack do
 * not. A call that was stopped here, by its token or its deadline, rejects with `canceled` or `deadline_exceeded`, with the
 * token's CancellationError as `cause`: `reasonOf(error)` finds it. `instanceof` holds across copies of this package.
 */
export class RpcError extends Error {
  declare readonly code: RpcCode;
  declare readonly details: readonly ErrorDetail[];
  declare readonly metadata: Readonly<Record<string, string>>;
  /** Why the call was cancelled, as this process sees it; undefined for a failure that is no cancellation. */
  declare readonly reason: CancelReason | undefined;
  /** True when the peer cannot have begun the work, so that sending again cannot do it twice. */
  declare readonly neverProcessed: boolean;
  /** True for what a peer has answered, false for what this process found out by itself. */
  declare readonly remote: boolean;

  /**
   * @param code what kind of failure; one of {@link RpcCode}
   * @param message for people at the other end; goes over the wire
   * @throws TypeError for an unknown code, or metadata that cannot be a header
   */
  constructor(code: RpcCode, message = '', options: RpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    if (!isCode(code)) throw new TypeError(`Expected a code such as \`not_found\`, got \`${String(code)}\`.`);
    this.code = code;
    this.details = options.details ?? [];
    this.metadata = options.metadata === undefined ? NONE : checked(options.metadata);
    this.reason = options.reason;
    this.neverProcessed = options.neverProcessed ?? false;
    this.remote = options.remote ?? false;
  }

  /** True for an RpcError of any copy of this package. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (this !== RpcError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && brand in value;
  }
}

Object.defineProperty(RpcError.prototype, brand, { value: true });
Object.defineProperty(RpcError.prototype, 'name', { value: 'RpcError', configurable: true, writable: true });

/** Makes the error without a walk of the stack, most of its price. */
export function rpcErrorWithoutStack(code: RpcCode, message: string, options: RpcErrorOptions): RpcError {
  // By Reflect: the property is V8's, and where `Error` is frozen the price is paid.
  const limit: unknown = Reflect.get(Error, 'stackTraceLimit');
  if (typeof limit === 'number') Reflect.set(Error, 'stackTraceLimit', 0);
  const error = new RpcError(code, message, options);
  if (typeof limit === 'number') Reflect.set(Error, 'stackTraceLimit', limit);
  return error;
}

const NONE: Readonly<Record<string, string>> = Object.freeze({});

function checked(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(metadata)) checkMetadata(name, value);
  return Object.freeze({ ...metadata });
}

/** @throws TypeError when `name: value` cannot travel as metadata */
export function checkMetadata(name: string, value: unknown): void {
  if (!isMetadataName(name)) {
    throw new TypeError(
      `Expected metadata to have lower-case names that the protocol does not use itself, got \`${name}\`.`,
    );
  }
  if (typeof value !== 'string' || !isMetadataValue(value)) {
    throw new TypeError(
      `Expected the metadata \`${name}\` to be printable ASCII (other bytes go as base64 under a \`-bin\` name).`,
    );
  }
}

/** What may be metadata, of headers or of what stands in their place. */
export function metadataIn(headers: Iterable<readonly [name: string, value: string]>): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (isMetadataName(name) && isMetadataValue(value)) metadata[name] = value;
  }
  return metadata;
}
