/**
 * One fetch under a signal of its own: on a long-lived one, fetch leaves a listener behind until the next garbage collection.
 *
 * 1. On a cancel the peer is told first, then the caller; a fetch that ignores its signal does not hold the caller up.
 * 2. It listens to its token until the answer is whole, failed or left, and not longer; no longer does it ask for requests.
 */
import { type CancellationToken, clock, type Registration } from '../core/index.ts';
import { BodyTooLargeError, failureOfNodeError } from '../wire/index.ts';
import { withoutQuery } from './base-url.ts';
import { RpcError } from './error.ts';
import { LINGER_MS, peerKnows } from './linger.ts';
import type { StreamCall, UnaryCall } from './transport.ts';
import { sendsStreams, Upload } from './upload.ts';
import { chunksOf } from './web-chunks.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export class FetchCall {
  readonly #send: Fetch;
  readonly #url: string;
  readonly #call: UnaryCall | StreamCall;
  readonly #controller = new AbortController();
  #registration: Registration | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #upload: Upload | undefined;
  /** The answer is read beyond the life of {@link run}. */
  #streaming = false;

  constructor(send: Fetch, base: string, call: UnaryCall | StreamCall) {
    this.#send = send;
    this.#url = base + call.path;
    this.#call = call;
  }

  /** Sends the request and reads the answer with `read`. */
  async run<T>(read: (response: Response, call: FetchCall) => T | Promise<T>): Promise<T> {
    const stopped = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    this.#registration = this.#call.token.onCancel(this);
    try {
      return await Promise.race([this.#exchange(read), stopped]);
    } finally {
      if (!this.#streaming) this.#over();
    }
  }

  onCancelled(token: CancellationToken): void {
    const { error } = token;
    // Of requests that broke off a peer that knows would think that we have gone.
    this.#upload?.leave();
    if (peerKnows(token)) clock.after(LINGER_MS, () => this.#abort(error));
    else this.#abort(error);
    this.#reject?.(error);
  }

  #abort(error: unknown): void {
    this.#controller.abort(error);
    this.#upload?.fail(error);
  }

  #over(): void {
    const stopped = this.#registration?.unregister() !== true && this.#call.token.cancelled;
    // A cancel that was heard sees to it itself, at its time.
    if (!stopped) this.#upload?.fail(new Error('The call is over.'));
  }

  /** The rest of an answer, piece by piece. To leave it aborts the request. */
  chunksOf(response: Response): AsyncIterableIterator<Uint8Array> {
    this.#streaming = true;
    const settle = { over: () => this.#over(), failed: (error: unknown) => this.#failure(error) };
    return chunksOf(response.body, this.#call.token, settle);
  }

  async #exchange<T>(read: (response: Response, call: FetchCall) => T | Promise<T>): Promise<T> {
    try {
      const init = this.#init();
      // As near to it as fetch lets one come: connecting counts as waiting.
      this.#call.reached('sent');
      const response = await this.#send(this.#url, init);
      this.#call.reached('answered');
      if (isRedirect(response)) throw this.#redirected(response);
      return await read(response, this);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #init(): RequestInit & { duplex?: 'half' } {
    const headers = this.#call.headers();
    // A redirect would turn the POST into a GET, and hand the headers to a stranger. Not 'error', which workers don't know.
    const init = { method: 'POST', headers, redirect: 'manual', signal: this.#controller.signal } as const;
    if ('messages' in this.#call) return { ...init, ...this.#streamed(this.#call.messages) };
    const { body } = this.#call;
    return body === undefined ? { ...init, method: 'GET' } : { ...init, body: body as BodyInit };
  }

  #streamed(messages: Uint8Array | AsyncIterable<Uint8Array>): { body: BodyInit; duplex?: 'half' } {
    if (messages instanceof Uint8Array) return { body: messages as BodyInit };
    if (!sendsStreams())
      throw new RpcError('unimplemented', 'This fetch sends no streams of requests; use another transport.');
    // What the caller's own requests throw: the peer is not to take what it has for the whole.
    this.#upload = new Upload(messages, (error) => {
      this.#abort(error);
      this.#reject?.(error);
    });
    return { body: this.#upload.body, duplex: 'half' };
  }

  #redirected(response: Response): RpcError {
    response.body?.cancel().catch(() => {});
    const [from, to] = [this.#url, response.headers.get('location') ?? 'somewhere else'].map(withoutQuery);
    return new RpcError('unavailable', `Expected ${from} to answer, and was sent to ${to}: give that as \`baseUrl\`.`);
  }

  #failure(error: unknown): unknown {
    const { signal } = this.#controller;
    if (signal.aborted) return signal.reason;
    return error instanceof RpcError ? error : failed(error, withoutQuery(this.#url));
  }
}

/** A browser shows nothing of one but that it is one. */
function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400);
}

function failed(error: unknown, url: string): RpcError {
  if (error instanceof BodyTooLargeError) {
    return new RpcError('resource_exhausted', `Expected ${url} to answer with at most ${error.limit} bytes.`, {
      cause: error,
    });
  }
  // Node's fetch hides what happened in the cause of a TypeError; a browser's says nothing.
  const inner = (error as Error | undefined)?.cause ?? error;
  const { code, errors } = Object(inner) as { code?: unknown; errors?: readonly unknown[] };
  // Of a host with several addresses, there is an error for each.
  const { syscall } = Object(errors?.[0] ?? inner) as { syscall?: unknown };
  const connecting = syscall === 'connect' || syscall === 'getaddrinfo';
  const failure = failureOfNodeError(typeof code === 'string' ? code : String(inner), connecting);
  const { neverProcessed, name } = failure;
  return new RpcError(failure.code, `The connection to ${url} failed: ${name}.`, {
    reason: 'PEER_CLOSED',
    neverProcessed,
    cause: error,
  });
}
