// grpc-js under tokens: what a server's call says of its caller, and a client interceptor.
//
// 1. grpc-js calls every call 'cancelled' when its stream has closed, also after success. A call whose status was sent is over,
//    and nothing cancels its token any more; the one exception is the status that grpc-js sends itself at the deadline.
// 2. A client's call is listened for from its start until its status has come.
// 3. Requests that have ended are told as ended only when the caller has had the time to cancel them.
import type { InterceptingCall, Interceptor, Metadata, StatusObject } from '@grpc/grpc-js';
import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  type CancelReason,
  currentToken,
  expected,
  reasonOf,
  toToken,
} from '../core/index.ts';
import { codeOfGrpc, codeOfReason, grpcOfCode, reasonOfCode } from '../wire/index.ts';

/** Any of the four kinds of call that grpc-js hands a server's handler. */
export interface GrpcServerCall {
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** What stands behind a server's call: where its status goes out. */
interface Inner {
  sendStatus(status: { readonly code?: number | null }): void;
}

const known = new WeakMap<object, CancellationToken>();

/**
 * The token of a call that a grpc-js server handles: cancelled when the caller cancels or leaves (`CANCELLED`; grpc-js does not
 * tell them apart) and at the deadline that it sent (`TIMEOUT`; a caller of grpc-js resets the call at its own, and is
 * `CANCELLED` when that comes first), and by nothing once the status has been sent.
 *
 * To be asked for as the handler starts; the same call has one token. It answers nothing itself. A stream of requests whose
 * caller cancels fails, and does not end as if it were whole.
 *
 * @param call the handler's first argument, of grpc-js 1.10 or later
 * @throws TypeError for anything else
 */
export function tokenOfCall(call: GrpcServerCall): CancellationToken {
  const token = known.get(call);
  if (token !== undefined) return token;
  const inner = (call as { call?: Partial<Inner> } | null | undefined)?.call;
  if (typeof inner?.sendStatus !== 'function') {
    throw new TypeError(expected('call', 'the call that a grpc-js server gave its handler', call));
  }
  const source = new CancellationSource({ timeout: untilDeadline(call.getDeadline()) });
  known.set(call, source.token);
  if (call.cancelled) source.cancel();
  call.on('cancelled', () => source.cancel(source.token.remaining() === 0 ? 'TIMEOUT' : 'CANCELLED'));
  watchStatus(inner as Inner, source);
  if ('push' in call) holdEnd(call as unknown as Requests);
  return source.token;
}

/** Requests that come one by one. */
interface Requests {
  push(chunk: unknown, encoding?: BufferEncoding): boolean;
}

/**
 * A caller of grpc-js that cancels ends its requests first, and resets them a moment later. So much later the handler is told
 * that they have ended: it is not to take what it has for the whole.
 */
function holdEnd(call: Requests): void {
  const { push } = call;
  call.push = (chunk, encoding) => {
    if (chunk !== null) return push.call(call, chunk, encoding);
    setImmediate(() => push.call(call, null));
    return false;
  };
}

function watchStatus(inner: Inner, source: CancellationSource): void {
  const send = inner.sendStatus;
  inner.sendStatus = function (status) {
    // Invariant 1: its timer may be ahead of ours.
    if (status.code === DEADLINE_EXCEEDED && source.token.remaining() < 1) source.cancel('TIMEOUT');
    source.close();
    send.call(this, status);
  };
}

const DEADLINE_EXCEEDED = grpcOfCode('deadline_exceeded');

/**
 * A client interceptor that cancels calls with a token, and gives them no more time than it has.
 *
 * A call under a token that is cancelled is not sent. The texts of a cancel stay in this process.
 *
 * @param token default: the current one of each call (`nevermind/ambient`), so that the calls of a handler end with it
 * @example
 * const client = new GreeterClient(address, credentials, { interceptors: [withToken()] });
 */
export function withToken(token?: Cancellable): Interceptor {
  const given = token === undefined ? undefined : toToken('token', token);
  return (options, nextCall) => {
    const token = given ?? currentToken();
    const remaining = token.remaining();
    const limit = Math.min(untilDeadline(options.deadline ?? Number.POSITIVE_INFINITY), remaining);
    // A server of grpc-js takes what its timers can't hold for over already.
    const limits = remaining < LONGEST_TIMER;
    const limited = limits ? { ...options, deadline: Date.now() + limit } : options;
    return underToken(nextCall(limited) as InterceptingCall, token);
  };
}

const LONGEST_TIMER = 2 ** 31;

/** In place, as another object in front of it would have to have every method that grpc-js may ever ask for. */
function underToken(call: InterceptingCall, token: CancellationToken): InterceptingCall {
  const start = call.start;
  call.start = (metadata, listener) => {
    const { reason } = token;
    if (reason !== undefined) {
      // Later, as grpc-js itself does: a stream that failed before it was handed out would take the process down.
      process.nextTick(() => listener?.onReceiveStatus?.(statusOf(reason, metadata)));
      return;
    }
    const registration = token.onCancel(({ reason }) => {
      const cancel = () => call.cancelWithStatus(grpcStatusOf(reason), SENTENCE);
      cancel();
      // grpc-js forgets a cancel that comes in the turn of the start: it tells its caller, sends the call, and never resets it.
      setImmediate(cancel);
    });
    start.call(call, metadata, {
      ...bound(listener),
      onReceiveStatus: (status: StatusObject) => {
        registration.unregister();
        listener?.onReceiveStatus?.(status);
      },
    });
  };
  return call;
}

const SENTENCE = 'The call was cancelled.';

function bound(listener: Parameters<InterceptingCall['start']>[1]) {
  return {
    onReceiveMetadata: (metadata: Metadata) => listener?.onReceiveMetadata?.(metadata),
    onReceiveMessage: (message: unknown) => listener?.onReceiveMessage?.(message),
  };
}

/** @param sent only tells how metadata is made: what it holds, credentials as a rule, is not for an error, which may be logged */
function statusOf(reason: CancelReason, sent: Metadata): StatusObject {
  const metadata = new (sent.constructor as new () => Metadata)();
  return { code: grpcStatusOf(reason), details: SENTENCE, metadata };
}

/** Milliseconds until a deadline as grpc-js writes it: a Date, or milliseconds since 1970. */
function untilDeadline(deadline: Date | number): number {
  return Number(deadline) - Date.now();
}

/** The status that stands for a reason: what a handler that was stopped answers with. */
export function grpcStatusOf(reason: CancelReason): number {
  return grpcOfCode(codeOfReason(reason));
}

/** Why the call behind an error of grpc-js has stopped; undefined for a failure that is no cancellation. */
export function reasonOfGrpc(error: unknown): CancelReason | undefined {
  const own = reasonOf(error);
  if (own !== undefined) return own;
  const status = (error as { code?: unknown } | null | undefined)?.code;
  const code = typeof status === 'number' ? codeOfGrpc(status) : undefined;
  return code === undefined ? undefined : reasonOfCode(code);
}
