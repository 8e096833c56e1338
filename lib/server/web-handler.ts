// Runs a web handler for one call and sees to it that the peer gets exactly one answer, in time.
//
// 1. The server answers by itself at a deadline (504, or 408 for a late body) and when a drain has run out (503). To a peer that
//    has gone or reset it says nothing.
// 2. What a handler brings after that is dropped, and told to `onAbandoned`. Its error is never on the wire.
import { type CancellationError, type CancellationToken, reasonOf } from '../core/index.ts';
import { BodyTooLargeError, codeOfReason, httpOfReason, parseTimeout, TIMEOUT_HEADER } from '../wire/index.ts';
import { answerError, answerTooLarge } from './answer.ts';
import type { Call, LastWord } from './call.ts';
import { handPlain, isResponse } from './fast-response.ts';
import { fieldsOf } from './fields.ts';
import type { Peer } from './peer.ts';
import { hasUrl, webRequest } from './web-request.ts';
import { type BodyReader, sendBody } from './web-response.ts';

/** What a handler gets beside the request. */
export interface HandlerContext {
  readonly token: CancellationToken;
  readonly peer: Peer;
}

export type WebHandler = (request: Request, context: HandlerContext) => Response | Promise<Response>;

/** A handler whose request was over before it was done. */
export interface Abandoned {
  /** Method and target. */
  readonly name: string;
  /** Why the request was over. */
  readonly error: CancellationError;
  /** How long the handler ran on after that, in milliseconds. */
  readonly ranOnMs: number;
}

/** What the server told its owner to do with a request's troubles, and its limits. In milliseconds; Infinity is none. */
export interface WebHost {
  readonly handlerTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly maxBodyBytes: number;
  onAbandoned(abandoned: Abandoned): void;
  onError(error: unknown, name: string): void;
}

/** Starts `handler` for `call`; the answer follows. Never throws. */
export function runWebHandler(handler: WebHandler, call: Call, host: WebHost): void {
  const asked = parseTimeout(call.header(TIMEOUT_HEADER));
  if (typeof asked !== 'number') refuse(call, asked.expected);
  else if (!hasUrl(call)) refuse(call, 'Expected a target and a host that make a URL.');
  else if (Number(call.header('content-length')) > host.maxBodyBytes) {
    answerTooLarge(call, host.maxBodyBytes);
    call.handlerEnded();
  } else new Turn(call, host, Math.min(asked, host.maxTimeoutMs)).run(handler);
}

function refuse(call: Call, expected: string): void {
  answerError(call, 'invalid_argument', expected);
  call.handlerEnded();
}

class Turn implements LastWord {
  readonly #call: Call;
  readonly #host: WebHost;
  /** What the caller allowed, from the start of the call. */
  readonly #allowed: number;
  #body: BodyReader | undefined;
  #stoppedAt: number | undefined;

  constructor(call: Call, host: WebHost, allowed: number) {
    this.#call = call;
    this.#host = host;
    this.#allowed = allowed;
    if (allowed < Math.min(host.handlerTimeoutMs, host.requestTimeoutMs)) call.source.cancelAfter(allowed);
    call.lastWord = this;
    call.token.onCancel(this);
  }

  giveUp(): void {
    this.#endBody();
    this.#answerFor('SHUTDOWN');
  }

  run(handler: WebHandler): void {
    const call = this.#call;
    try {
      const answer: unknown = handler(webRequest(call, this.#host.maxBodyBytes), {
        token: call.token,
        peer: call.peer,
      });
      if (!isResponse(answer)) return void this.#follow(answer);
      // No promise for what is there already: it would cost as much as all the rest of this.
      const sending = this.#deliver(answer);
      if (sending === undefined) call.handlerEnded();
      else void this.#finish(sending);
    } catch (error) {
      this.#ended(error);
    }
  }

  async #follow(answer: unknown): Promise<void> {
    try {
      const response = await answer;
      if (!isResponse(response))
        throw new TypeError(`Expected the handler to return a Response, got ${describe(response)}.`);
      const sending = this.#deliver(response);
      if (sending === undefined) this.#call.handlerEnded();
      else await this.#finish(sending);
    } catch (error) {
      this.#ended(error);
    }
  }

  async #finish(sending: Promise<void>): Promise<void> {
    try {
      await sending;
      this.#call.handlerEnded();
    } catch (error) {
      this.#ended(error);
    }
  }

  /** Sends the response, or drops it when it is too late. @returns undefined when that is done */
  #deliver(response: Response): Promise<void> | undefined {
    const inTime = this.#call.answerable;
    if (!inTime) this.#abandoned();
    if (handPlain(response, this.#call)) return undefined;
    return inTime ? this.#send(response) : response.body?.cancel(this.#call.token.error).catch(ignore);
  }

  async #send(response: Response): Promise<void> {
    const call = this.#call;
    const { status, body } = response;
    if (response.bodyUsed) throw new TypeError('Expected a Response whose body was not read; return a clone of it.');
    if (body === null || call.method === 'HEAD') {
      call.respond(status, fieldsOf(response.headers));
      return body?.cancel();
    }
    this.#body = body.getReader();
    await sendBody(call, status, fieldsOf(response.headers), this.#body, () => this.#begun());
  }

  #ended(error: unknown): void {
    this.#failed(error);
    this.#call.handlerEnded();
  }

  /** The handler has done its part; from here on the whole request's limit counts. */
  #begun(): void {
    const limit = Math.min(this.#host.requestTimeoutMs, this.#allowed);
    if (limit > this.#host.handlerTimeoutMs) this.#call.source.cancelAfter(limit - this.#call.ageMs);
  }

  onCancelled({ reason }: CancellationToken): void {
    this.#stoppedAt = this.#call.ageMs;
    if (reason !== 'SHUTDOWN') this.#endBody();
    // A drain gives the handler the time to answer for itself, with what it has.
    if (reason === 'TIMEOUT') this.#answerFor(reason);
  }

  /** Nobody will read on: the source of the body is told, and why. */
  #endBody(): void {
    this.#body?.cancel(this.#call.token.error).catch(ignore);
  }

  #answerFor(reason: 'TIMEOUT' | 'SHUTDOWN'): void {
    const call = this.#call;
    call.closing = true;
    if (!call.answerable) call.cut();
    else {
      const message = reason === 'TIMEOUT' ? this.#whatPassed() : 'The server is shutting down.';
      answerError(call, codeOfReason(reason), message, httpOfReason(reason, call.bodyLate));
    }
  }

  #whatPassed(): string {
    const { handlerTimeoutMs, requestTimeoutMs, bodyTimeoutMs } = this.#host;
    if (!this.#call.token.cancelled) return 'Something that the handler called did not answer in time.';
    if (this.#call.bodyLate) return `The request's body did not arrive within ${bodyTimeoutMs} ms.`;
    const limit = Math.min(handlerTimeoutMs, requestTimeoutMs);
    if (this.#allowed <= limit)
      return `The caller's deadline of ${this.#allowed} ms passed before the response was ready.`;
    return `The handler did not answer within ${limit} ms.`;
  }

  #failed(error: unknown): void {
    const call = this.#call;
    const cancelled = call.token.reason;
    const reason = reasonOf(error);
    if (cancelled !== undefined && reason !== undefined) {
      if (cancelled === 'TIMEOUT' || cancelled === 'SHUTDOWN') this.#answerFor(cancelled);
    } else if (reason === 'TIMEOUT') {
      // A deadline of the handler's own making, for what it calls: to the peer it is the gateway's timeout.
      this.#answerFor(reason);
    } else if (error instanceof BodyTooLargeError) answerTooLarge(call, error.limit);
    else this.#broke(error);
  }

  #broke(error: unknown): void {
    const call = this.#call;
    call.failed = true;
    this.#endBody();
    if (call.answerable) answerError(call, 'internal', 'The handler failed.');
    else call.cut();
    this.#host.onError(error, call.name);
    this.#abandoned();
  }

  #abandoned(): void {
    const { error } = this.#call.token;
    if (error === undefined) return;
    this.#host.onAbandoned({
      name: this.#call.name,
      error,
      ranOnMs: this.#call.ageMs - (this.#stoppedAt ?? this.#call.ageMs),
    });
  }
}

function ignore(): void {}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `an object of ${value.constructor?.name ?? 'no'} class`
    : String(value);
}
