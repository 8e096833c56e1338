import { type CancelReason, expected } from '../core/index.ts';
import { type Code, codeOfReason, encodeError, httpOfReason, JSON_TYPE } from '../wire/index.ts';

/** What is said in a handler's place. */
export interface Refusal {
  readonly status: number;
  readonly code: Code;
  readonly message: string;
  /** More header fields, in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** No other request is wanted on this connection. */
  readonly last?: boolean | undefined;
}

/** How a framework's clients expect to read an error: the content type and the body. */
export type Form = (refusal: Refusal) => { readonly type: string; readonly body: string };

/** The wire's own form, which `serve` answers with too. */
export const connectForm: Form = ({ code, message }) => ({
  type: JSON_TYPE,
  body: encodeError({ code, message, details: [] }),
});

/** Said for a request that was stopped for `reason`. To a peer that has gone it is said to the log only, as 499. */
export function refusalOf(reason: CancelReason, message: string): Refusal {
  return { status: httpOfReason(reason), code: codeOfReason(reason), message, last: true };
}

/** `allowed` is what the caller gave, `limit` the server's own; in milliseconds. */
export function whatPassed(allowed: number, limit: number): string {
  if (allowed <= limit) return `The caller's deadline of ${allowed} ms passed before the response was ready.`;
  return `The request was not answered within ${limit} ms.`;
}

export const SHUTTING_DOWN = 'The server is shutting down.';
export const NOT_IN_TIME = 'Something that the handler called did not answer in time.';

/** @throws TypeError that shows how to mount the adapter */
export function notMounted(argument: string, mounting: string, got: unknown): never {
  throw new TypeError(
    `${expected(argument, 'of a request that this adapter has taken in', got)} Mount it first: ${mounting}`,
  );
}

/** Said wherever a request is taken in a second time. */
export const TWICE =
  'Expected one adapter for a request, got a second one: `cancellation()` is mounted twice, or both in an application and in the one that it is mounted in. Leave one of them out.';

/** For the logs of those who insist on an answer: there is nobody to read it. */
export const LEFT: Refusal = { status: 499, code: 'canceled', message: 'The caller has left.' };
