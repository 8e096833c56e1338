import { type CancelReason, reasonOf } from '../core/index.ts';
import {
  type Code,
  codeOfReason,
  type Exchange,
  encodeError,
  httpOfCode,
  httpOfReason,
  JSON_TYPE,
} from '../wire/index.ts';
import { RpcError } from './error.ts';

/** Shared by all answers without headers of their own. */
const JSON_HEADERS: Record<string, string> = { 'content-type': JSON_TYPE };

export function answerValue(exchange: Exchange, json: string): void {
  exchange.respond(200, JSON_HEADERS, json);
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
  const message =
    whileReading && reason === 'TIMEOUT' ? 'The body of the request did not arrive in time.' : SENTENCES[reason];
  answerError(exchange, httpOfReason(reason, whileReading), codeOfReason(reason), message);
}

/** Answers with what an implementation threw: an RpcError as it is, a cancel by its reason, anything else as `internal`. */
export function answerThrown(exchange: Exchange, error: unknown): void {
  const reason = reasonOf(error);
  if (error instanceof RpcError) {
    // A cancel's text is its canceller's and stays in the process; an author's text is meant for the caller.
    const message = reason === undefined ? error.message : SENTENCES[reason];
    const { code, details } = error;
    // What another server put in its headers was for us, not for our caller.
    const metadata = error.remote ? undefined : error.metadata;
    exchange.respond(httpOfCode(code), { ...metadata, ...JSON_HEADERS }, encodeError({ code, message, details }));
  } else if (reason !== undefined) answerStopped(exchange, reason, false);
  else answerError(exchange, 500, 'internal', 'The implementation failed.');
}

/** What a peer is told of each reason: never more than this. */
const SENTENCES: Readonly<Record<CancelReason, string>> = {
  CANCELLED: 'The call was cancelled.',
  PEER_CLOSED: 'The call was cancelled.',
  TIMEOUT: 'The deadline passed before the answer was ready.',
  SHUTDOWN: 'The server is shutting down.',
};
