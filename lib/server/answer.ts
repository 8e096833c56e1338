import { type Code, encodeError, httpOfCode, JSON_TYPE } from '../wire/index.ts';
import type { Call } from './call.ts';

/** Answers with an error in the wire's own form; does nothing when an answer has been given. */
export function answerError(
  call: Call,
  code: Code,
  message: string,
  status: number = httpOfCode(code),
  headers?: Record<string, string>,
): void {
  call.respond(status, { ...headers, 'content-type': JSON_TYPE }, encodeError({ code, message, details: [] }));
}

/** A body that went over the limit: what it says is worth nothing, and reading on would be what the limit forbids. */
export function answerTooLarge(call: Call, limit: number): void {
  call.closing = true;
  answerError(call, 'resource_exhausted', `Expected a body of at most ${limit} bytes.`, 413);
}
