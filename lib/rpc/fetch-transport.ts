import { clock, type Registration } from '../core/index.ts';
import { BodyTooLargeError, failureOfNodeError } from '../wire/index.ts';
import { baseOf } from './base-url.ts';
import { bodyLimit, readBody } from './body.ts';
import { RpcError } from './error.ts';
import { LINGER_MS, peerKnows } from './linger.ts';
import type { Transport, UnaryCall, UnaryReply } from './transport.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface FetchTransportOptions {
  readonly baseUrl?: string | URL | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Larger answers are given up with `resource_exhausted`; default 4 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

/** Carries calls over `fetch`. A cancel aborts the request: over HTTP/2 the peer sees a reset, over HTTP/1.1 a closed connection. */
export function fetchTransport(options: FetchTransportOptions): Transport {
  const base = baseOf(options.baseUrl);
  const limit = bodyLimit(options.maxBodyBytes);
  // Looked up at each call, so that a fetch which is replaced later counts.
  const send: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  return { unary: (call) => abortable(call, (signal) => exchange(send, base, call, signal, limit)) };
}

/**
 * Runs one fetch under a signal of its own: on a long-lived one, fetch leaves a listener behind until the next garbage
 * collection. A fetch that ignores its signal does not hold the caller up.
 */
async function abortable(call: UnaryCall, run: (signal: AbortSignal) => Promise<UnaryReply>): Promise<UnaryReply> {
  const { token } = call;
  const controller = new AbortController();
  let registration: Registration | undefined;
  const stopped = new Promise<never>((_, reject) => {
    registration = token.onCancel((error) => {
      // The peer first, then the caller.
      if (peerKnows(token)) clock.after(LINGER_MS, () => controller.abort(error));
      else controller.abort(error);
      reject(error);
    });
  });
  try {
    return await Promise.race([run(controller.signal), stopped]);
  } finally {
    registration?.unregister();
  }
}

async function exchange(
  send: Fetch,
  base: string,
  call: UnaryCall,
  signal: AbortSignal,
  limit: number,
): Promise<UnaryReply> {
  const url = base + call.path;
  try {
    // As near to it as fetch lets one come: connecting counts as waiting.
    call.reached('sent');
    // A redirect would turn the POST into a GET, and hand the headers to a stranger.
    const response = await send(url, {
      method: 'POST',
      headers: call.headers(),
      body: call.body,
      redirect: 'error',
      signal,
    });
    call.reached('answered');
    return new FetchReply(response, await readBody(response.body, limit));
  } catch (error) {
    throw signal.aborted ? signal.reason : failed(error, url);
  }
}

function failed(error: unknown, url: string): RpcError {
  if (error instanceof BodyTooLargeError) {
    return new RpcError('resource_exhausted', `Expected ${url} to answer with at most ${error.limit} bytes.`, {
      cause: error,
    });
  }
  // Node's fetch hides what happened in the cause of a TypeError; a browser's says nothing.
  const inner = (error as Error | undefined)?.cause ?? error;
  const code = (inner as { code?: unknown } | undefined)?.code;
  const failure = failureOfNodeError(typeof code === 'string' ? code : String(inner));
  const { neverProcessed, name } = failure;
  return new RpcError(failure.code, `The connection to ${url} failed: ${name}.`, {
    reason: 'PEER_CLOSED',
    neverProcessed,
    cause: error,
  });
}

class FetchReply implements UnaryReply {
  readonly body: Uint8Array;
  readonly #response: Response;

  constructor(response: Response, body: Uint8Array) {
    this.#response = response;
    this.body = body;
  }

  get status(): number {
    return this.#response.status;
  }

  header(name: string): string | undefined {
    return this.#response.headers.get(name) ?? undefined;
  }

  headers(): Iterable<[name: string, value: string]> {
    return this.#response.headers;
  }
}
