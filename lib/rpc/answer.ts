import { type CancelReason, reasonOf } from '../core/index.ts';
import {
  type Code,
  codeOfReason,
  type Exchange,
  encodeError,
  httpOfCode,
  httpOfReason,
  isCode,
  JSON_TYPE,
  type WireError,
} from '../wire/index.ts';
import { metadataIn, RpcError } from './error.ts';

/** Shared by all answers without headers of their own. */
const JSON_HEADERS: Record<string, string> = { 'content-type': JSON_TYPE };

/** @param encoding what `body` is compressed with */
export function answerValue(exchange: Exchange, body: string | Uint8Array, encoding?: string): void {
  exchange.respond(
    200,
    // Who does not take it is not to get it from a cache either, which keeps answers to a GET.
    encoding === undefined ? JSON_HEADERS : { ...JSON_HEADERS, 'content-encoding': encoding, vary: 'accept-encoding' },
    body,
  );
}

/** Answers with an error that this library has found. */
export function answerError(
  exchange: Exchange,
  status: number,
  code: Code,
  message: string,
  headers?: Record<string, string>,
): void {
  exchange.respond(
    status,
    headers === undefined ? JSON_HEADERS : { ...headers, ...JSON_HEADERS },
    encodeError({ code, message, details: [] }),
  );
}

/** Answers for a call that was stopped while its caller is still there; `whileReading`: before its body had come. */
export function answerStopped(exchange: Exchange, reason: CancelReason, whileReading: boolean): void {
  const { code, message } = stoppedError(reason, whileReading);
  answerError(exchange, httpOfReason(reason, whileReading), code, message);
}

export function answerThrown(exchange: Exchange, error: unknown): void {
  const wire = thrownError(error);
  const headers = { ...metadataOf(error), ...JSON_HEADERS };
  exchange.respond(error instanceof RpcError ? httpOfCode(wire.code) : statusOf(error), headers, encodeError(wire));
}

/** What a caller is told of a call that was stopped. */
export function stoppedError(reason: CancelReason, whileReading: boolean): WireError {
  const late = whileReading && reason === 'TIMEOUT';
  const message = late ? 'The body of the request did not arrive in time.' : SENTENCES[reason];
  return { code: codeOfReason(reason), message, details: [] };
}

/** What a caller is told of what an implementation threw: an RpcError as it is, a cancel by its reason, anything else as `internal`. */
export function thrownError(error: unknown): WireError {
  const reason = reasonOf(error);
  if (error instanceof RpcError) {
    const { code, details } = error;
    return {
      // Whatever was done to the error since it was made.
      code: isCode(code) ? code : 'internal',
      // A cancel's text is its canceller's and stays in the process; an author's text is meant for the caller.
      message: reason === undefined ? String(error.message) : SENTENCES[reason],
      details: Array.isArray(details) ? details : [],
    };
  }
  if (reason !== undefined) return stoppedError(reason, false);
  return { code: 'internal', message: 'The implementation failed.', details: [] };
}

/** What goes with an error as headers. What another server put in its headers was for us, not for our caller. */
export function metadataOf(error: unknown): Readonly<Record<string, string>> {
  return error instanceof RpcError && !error.remote ? metadataIn(Object.entries(error.metadata)) : {};
}

/** What was thrown, or what came of looking at it: a getter or a Proxy may throw in its turn. */
export function legible(error: unknown): unknown {
  try {
    thrownError(error);
    metadataOf(error);
    return error;
  } catch (cause) {
    return new TypeError('Expected an implementation to throw what can be read.', { cause });
  }
}

function statusOf(error: unknown): number {
  const reason = reasonOf(error);
  return reason === undefined ? 500 : httpOfReason(reason);
}

/** What a peer is told of each reason: never more than this. */
const SENTENCES: Readonly<Record<CancelReason, string>> = {
  CANCELLED: 'The call was cancelled.',
  PEER_CLOSED: 'The call was cancelled.',
  TIMEOUT: 'The deadline passed before the answer was ready.',
  SHUTDOWN: 'The server is shutting down.',
};
