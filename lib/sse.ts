// Server-sent events, as a web response: what a browser's EventSource reads (HTML, section 9.2), from any source that a token stops.
//
// Invariants
// 1. The source is asked for an event when the peer has taken the one before, never earlier.
// 2. While the source is silent, the peer gets a comment each `heartbeatMs`: a connection that is dead says so only when written to,
//    and proxies close those that are silent.
// 3. A stream that was cancelled is cut, never ended: an answer that broke off must not be taken for the whole one.
import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  CancelReason,
  clock,
  currentToken,
  expected,
  toToken,
} from './core/index.ts';
import { iterate, type Streamed } from './task/index.ts';

/** One event. */
export interface ServerSentEvent {
  /** A string goes as it is, each of its lines in a field of its own; all else as JSON. */
  readonly data: unknown;
  /** The name to listen for; default `message`. */
  readonly event?: string | undefined;
  /** What an EventSource that reconnects sends as `Last-Event-ID`. */
  readonly id?: string | undefined;
  /** How long an EventSource waits from now on before it reconnects, in milliseconds. */
  readonly retry?: number | undefined;
}

export interface EventStreamOptions {
  /** Cancels the stream; default: the current token of `nevermind/ambient`, else none. */
  readonly token?: Cancellable | undefined;
  /** The longest silence, in milliseconds; Infinity: any. Default 15 s. */
  readonly heartbeatMs?: number | undefined;
  /** Header fields beside those that make it a stream of events. */
  readonly headers?: HeadersInit | undefined;
}

/**
 * A response that sends each event of the source as the peer takes it, `text/event-stream`, with a first comment at once, so that
 * an EventSource is open before there is an event.
 *
 * Cancellation: the source stops with `token`, and with `PEER_CLOSED` when the response's body is cancelled, as servers do for a
 * peer that has left: an async iterable as {@link iterate} says, a factory by the token it is given. The body then fails with the
 * token's error. It ends with the source, and fails with its error. Where a peer vanished without a word, the server learns of it
 * from the failing heartbeats, which the network may let take minutes.
 *
 * It has no status of its own, retries nothing and keeps no events: what came after `Last-Event-ID` is the source's to know. A
 * server's limit for a whole response holds: `serve(handler, { requestTimeoutMs: 0 })` lifts it.
 *
 * @throws TypeError or RangeError for bad arguments; an event that can't be written fails the body
 * @example
 * serve((request) => eventStream((token) => updates(request.headers.get('last-event-id'), token)));
 */
export function eventStream(
  source: Streamed<ServerSentEvent> | ((token: CancellationToken) => Streamed<ServerSentEvent>),
  options: EventStreamOptions = {},
): Response {
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const { token = currentToken(), heartbeatMs = HEARTBEAT_MS } = options;
  if (typeof heartbeatMs !== 'number') throw new TypeError(expected('heartbeatMs', MILLISECONDS, heartbeatMs));
  if (!(heartbeatMs > 0)) throw new RangeError(expected('heartbeatMs', MILLISECONDS, heartbeatMs));
  const headers = new Headers(options.headers);
  headers.set('content-type', 'text/event-stream');
  if (!headers.has('cache-control')) headers.set('cache-control', 'no-cache, no-transform');
  // nginx would keep events back until it has a buffer full of them.
  headers.set('x-accel-buffering', 'no');
  const own = new CancellationSource(toToken('token', token));
  return new Response(
    new ReadableStream(new Events(iterate(source, own.token), own, heartbeatMs), { highWaterMark: 0 }),
    { headers },
  );
}

const HEARTBEAT_MS = 15_000;
const MILLISECONDS = 'a number of milliseconds above 0';

const COMMENT = new TextEncoder().encode(':\n\n');

class Events implements UnderlyingDefaultSource<Uint8Array> {
  readonly #walk: AsyncIterableIterator<ServerSentEvent>;
  readonly #source: CancellationSource;
  readonly #heartbeatMs: number;
  /** The step that the source has yet to make; outlives the heartbeats meanwhile. */
  #step: Promise<IteratorResult<ServerSentEvent, unknown>> | undefined;
  /** Ends the wait for the step; undefined once it was made. */
  #wake: (() => void) | undefined;

  constructor(walk: AsyncIterableIterator<ServerSentEvent>, source: CancellationSource, heartbeatMs: number) {
    this.#walk = walk;
    this.#source = source;
    this.#heartbeatMs = heartbeatMs;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    controller.enqueue(COMMENT);
    // Also while the peer is slow, and nobody waits for a step.
    this.#source.token.onCancel((error) => {
      controller.error(error);
      void this.#end();
    });
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const step = await this.#orSilence();
      if (step === undefined) return controller.enqueue(COMMENT);
      this.#step = undefined;
      if (!step.done) return controller.enqueue(encoder.encode(written(step.value)));
    } catch (error) {
      void this.#end();
      throw error;
    }
    this.#source.close();
    controller.close();
  }

  cancel(reason: unknown): void {
    this.#source.cancel(CancelReason.PEER_CLOSED, { description: 'nobody reads the events any more', cause: reason });
  }

  /** Lets the source clean up; there is nobody left to hear how that goes. */
  async #end(): Promise<void> {
    this.#source.close();
    await this.#walk.return?.().catch(() => undefined);
  }

  /** @returns undefined when nothing came for so long */
  #orSilence(): Promise<IteratorResult<ServerSentEvent, unknown> | undefined> {
    const step = this.#step ?? this.#begin();
    if (this.#wake === undefined || this.#heartbeatMs === Number.POSITIVE_INFINITY) return step;
    return new Promise((resolve) => {
      const disarm = clock.after(this.#heartbeatMs, () => resolve(undefined));
      this.#wake = () => {
        disarm();
        resolve(step);
      };
    });
  }

  /** The step is listened to once: a source may be silent for days, and each listener stays with the step until it is made. */
  #begin(): Promise<IteratorResult<ServerSentEvent, unknown>> {
    const made = (): void => {
      this.#wake?.();
      this.#wake = undefined;
    };
    const step = this.#walk.next();
    this.#step = step;
    this.#wake = () => undefined;
    step.then(made, made);
    return step;
  }
}

const encoder = new TextEncoder();

/** One event on the wire. @throws TypeError naming the field that can't be written */
function written(event: ServerSentEvent): string {
  if (typeof event !== 'object' || event === null)
    throw new TypeError(expected('event', 'an object { data, … }', event));
  const { data, event: name, id, retry } = event;
  let text = '';
  if (name !== undefined) text += field('event', name, /[\r\n]/);
  if (id !== undefined) text += field('id', id, /[\r\n\0]/);
  if (retry !== undefined) text += `retry: ${whole(retry)}\n`;
  const lines = typeof data === 'string' ? data : (JSON.stringify(data) ?? 'null');
  for (const line of lines.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

function field(name: string, value: unknown, forbidden: RegExp): string {
  if (typeof value !== 'string' || forbidden.test(value))
    throw new TypeError(expected(name, 'a string of one line', value));
  return `${name}: ${value}\n`;
}

/** The wire takes digits only. */
function whole(retry: unknown): number {
  if (typeof retry === 'number' && retry >= 0 && retry <= Number.MAX_SAFE_INTEGER) return Math.ceil(retry);
  throw new TypeError(expected('retry', 'a number of milliseconds, 0 or more', retry));
}
