// One request in flight, whatever the protocol.
//
// Invariants
// 1. The token is cancelled only before the whole response is queued; queueing it closes the source.
// 2. A response goes out once: whoever comes second (a late handler, the deadline, a drain) finds `answerable` false.
// 3. A call leaves the server's list when its connection's side is over and its handler has ended, whichever comes last.
import type { Readable, Writable } from 'node:stream';
import { CancellationSource, type CancellationToken, type CancelReason, clock, ringDue } from '../core/index.ts';
import { BodyTooLargeError, copyOf, type Exchange, Inflow, type ResponseWriter } from '../wire/index.ts';
import { chunksOf, collect } from './body.ts';
import type { Connection } from './connections.ts';
import type { ResponseHeaders } from './fields.ts';
import type { Peer, Watcher } from './peer.ts';
import { writeTo } from './write.ts';

/** What a call needs of the server it belongs to. */
export interface CallHost {
  /** True once the server takes no new work: connections end after their answer. */
  readonly draining: boolean;
  ended(call: Call): void;
}

/** Speaks for a handler that a drain can't wait for any longer. */
export interface LastWord {
  giveUp(): void;
}

export abstract class Call implements Exchange, Watcher {
  readonly source: CancellationSource;
  /** On the monotonic clock. */
  readonly startedAt: number;
  /** The connection is to be closed after this answer. Set before it. */
  closing = false;
  /** Set when the body, not the handler, was what took too long. */
  bodyLate = false;
  /** The handler threw something that was no cancel. */
  failed = false;
  /** What a response in pieces gets in all, in place of the handler's limit; in milliseconds from the start of the call. */
  streamTimeoutMs: number | undefined;
  /** Where the server's list has it. */
  place = -1;
  /** Absent for a handler that answers for itself. */
  lastWord: LastWord | undefined;

  abstract readonly method: string;
  abstract readonly target: string;
  abstract readonly scheme: 'http' | 'https';
  abstract readonly authority: string | undefined;
  abstract readonly incoming: Readable;
  abstract readonly outgoing: Writable;
  /** Whether a body was announced. */
  abstract readonly hasBody: boolean;

  protected readonly host: CallHost;
  readonly #connection: Connection;
  #headSent = false;
  #queued = false;
  #over = false;
  #handlerEnded = false;
  #bodyAlarm: CancellationSource | undefined;
  #bodyTaken = false;

  constructor(host: CallHost, connection: Connection, timeout: number) {
    this.host = host;
    this.#connection = connection;
    connection.callBegan();
    const limited = timeout !== Number.POSITIVE_INFINITY;
    this.source = limited ? new CancellationSource({ timeout }) : new CancellationSource();
    // Asking the clock once more would be dear.
    this.startedAt = limited ? this.source.token.deadline - timeout : clock.now();
  }

  get token(): CancellationToken {
    return this.source.token;
  }

  get peer(): Peer {
    return this.#connection.peer;
  }

  /** For reports and logs, and so without the query, which may hold what is nobody's business. */
  get name(): string {
    return `${this.method} ${this.target?.split('?', 1)[0]}`;
  }

  get ageMs(): number {
    return clock.now() - this.startedAt;
  }

  /** Nothing was sent yet, and the peer is there. */
  get answerable(): boolean {
    return !this.#headSent && !this.#over;
  }

  /** The response was handed over whole, or there is nobody left to hand it to. */
  get finished(): boolean {
    return this.#queued || this.#over;
  }

  abstract header(name: string): string | undefined;
  abstract headers(): Iterable<[name: string, value: string]>;

  /** The body has arrived whole, read or not. */
  protected abstract readonly bodyComplete: boolean;
  protected abstract writeHead(status: number, headers: ResponseHeaders, bodiless: boolean): void;
  /** Ends the response, and sees to what the peer may still be sending. */
  protected abstract writeEnd(body: string | Uint8Array | undefined): void;
  /** Breaks off, so that the peer can't take what it has for the whole. */
  protected abstract destroy(): void;

  body(limit: number): Promise<Uint8Array> {
    if (this.#bodyTaken) return Promise.reject(readTwice());
    this.#bodyTaken = true;
    if (!this.hasBody) return Promise.resolve(EMPTY);
    if (Number(this.header('content-length')) > limit) return Promise.reject(new BodyTooLargeError(limit));
    return collect(this.incoming, limit, this.token);
  }

  chunks(token: CancellationToken): Inflow {
    const taken = this.#bodyTaken;
    this.#bodyTaken = true;
    if (!taken && this.hasBody) return chunksOf(this.incoming, token);
    const none = new Inflow(NO_TAP);
    if (taken) none.fail(readTwice());
    else none.end();
    return none;
  }

  /** Gives the body `ms` to arrive, counted from the start of the call; trickled bytes win no time. */
  limitBody(ms: number): void {
    if (!this.answerable || this.bodyComplete) return;
    this.#bodyAlarm = new CancellationSource({ deadline: this.startedAt + ms });
    this.#bodyAlarm.token.onCancel(() => {
      // A response that has begun shows a peer that takes part: the request's own limit holds for that exchange.
      if (this.bodyComplete || !this.answerable) return;
      this.bodyLate = true;
      this.closing = true;
      this.source.cancel('TIMEOUT', { description: `the request's body did not arrive within ${ms} ms` });
    });
  }

  respond(status: number, headers: ResponseHeaders, body: string | Uint8Array = ''): void {
    if (!this.answerable) return;
    const bodiless = status === 204 || status === 304;
    const silent = bodiless || body.length === 0 || this.method === 'HEAD';
    // The length that a HEAD answers with is the one GET would have; without a body to measure it is for the handler to say.
    const measured = !bodiless && !(this.method === 'HEAD' && body.length === 0);
    this.writeHead(status, measured ? withLength(headers, Buffer.byteLength(body)) : headers, silent);
    this.#headSent = true;
    this.end(silent ? undefined : body);
  }

  /** Starts a response whose body follows through `outgoing` and {@link end}. */
  begin(status: number, headers: ResponseHeaders): void {
    this.writeHead(status, headers, false);
    this.#headSent = true;
  }

  stream(status: number, headers: ResponseHeaders): ResponseWriter | undefined {
    if (!this.answerable) return undefined;
    this.begin(status, headers);
    // Over HTTP/1.1 a head waits for the first bytes of the body, which may be long in coming.
    (this.outgoing as { flushHeaders?: () => void }).flushHeaders?.();
    if (this.streamTimeoutMs !== undefined) this.source.cancelAfter(this.streamTimeoutMs - this.ageMs);
    return { write: (chunk) => writeTo(this.outgoing, chunk), end: (chunk) => this.end(chunk) };
  }

  end(body?: string | Uint8Array): void {
    if (this.finished) return;
    this.#queued = true;
    this.#release();
    this.writeEnd(body);
  }

  /** Breaks off: whatever was not sent never will be. */
  cut(): void {
    if (!this.finished) this.destroy();
  }

  /** The drain has run out: the last word is said now, or never. */
  force(): void {
    this.lastWord?.giveUp();
    this.cut();
  }

  closed(reason: CancelReason): void {
    if (this.#over) return;
    this.#over = true;
    if (!this.#queued) {
      // A peer that leaves at its own deadline has not changed its mind: the time was up, also where our timer has yet to say so.
      ringDue();
      this.source.cancel(reason);
      this.#release();
    }
    this.#connection.callOver(reason === 'CANCELLED' && !this.#queued);
    if (this.#handlerEnded) this.host.ended(this);
  }

  get handlerRuns(): boolean {
    return !this.#handlerEnded;
  }

  /** The handler will do nothing more. */
  handlerEnded(): void {
    if (this.#handlerEnded) return;
    this.#handlerEnded = true;
    if (this.#over) this.host.ended(this);
  }

  #release(): void {
    this.source.close();
    this.#bodyAlarm?.close();
  }
}

const EMPTY = new Uint8Array(0);
const NO_TAP = { pause() {}, resume() {}, left() {} };

function withLength(headers: ResponseHeaders, length: number): ResponseHeaders {
  const fields = copyOf(headers);
  fields['content-length'] = String(length);
  return fields;
}

function readTwice(): TypeError {
  return new TypeError('Expected the body to be read once; keep what the first call gave.');
}
