import { baseOf } from './base-url.ts';
import { bodyLimit, readBody } from './body.ts';
import { type Fetch, FetchCall } from './fetch-call.ts';
import type { ReplyHead, StreamReply, Transport, UnaryReply } from './transport.ts';

export type { Fetch } from './fetch-call.ts';

export interface FetchTransportOptions {
  readonly baseUrl?: string | URL | undefined;
  /** In place of the global `fetch`. */
  readonly fetch?: Fetch | undefined;
  /** Larger answers are given up with `resource_exhausted`; default 4 MiB. */
  readonly maxBodyBytes?: number | undefined;
}

/**
 * Carries calls over `fetch`. A cancel aborts the request: over HTTP/2 the peer sees a reset, over HTTP/1.1 a closed connection.
 *
 * A stream of requests is sent where this fetch can (Node, Deno, Bun; Chromium over HTTP/2), and as a rule to its end before
 * the first response comes: for both at the same time there is `http2Transport`.
 */
export function fetchTransport(options: FetchTransportOptions): Transport {
  const base = baseOf(options.baseUrl);
  const limit = bodyLimit(options.maxBodyBytes);
  // Looked up at each call, so that a fetch which is replaced later counts.
  const send: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  return {
    unary: (call) => new FetchCall(send, base, call).run((response) => wholeReply(response, limit)),
    stream: (call) => new FetchCall(send, base, call).run(streamReply),
  };
}

async function wholeReply(response: Response, limit: number): Promise<UnaryReply> {
  return Object.assign(new FetchHead(response), { body: await readBody(response.body, limit) });
}

function streamReply(response: Response, call: FetchCall): StreamReply {
  return Object.assign(new FetchHead(response), { chunks: call.chunksOf(response) });
}

class FetchHead implements ReplyHead {
  readonly #response: Response;

  constructor(response: Response) {
    this.#response = response;
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
