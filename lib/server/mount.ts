import type { ServerResponse } from 'node:http';
import type { CancellationToken } from '../core/index.ts';
import {
  BodyTooLargeError,
  type Exchange,
  type ExchangeHandler,
  exchangeHandler,
  type Inflow,
  type ResponseWriter,
} from '../wire/index.ts';
import { chunksOf, collect } from './body.ts';
import { NodeLine, type NodeRequest, type NodeResponse } from './node-line.ts';
import { joined } from './raw-headers.ts';
import { isGone, tokenOf } from './request.ts';
import { writeTo } from './write.ts';

/** What `createHandler` of `nevermind/rpc/server` makes. */
export interface Mountable {
  readonly [exchangeHandler]: ExchangeHandler;
  /** Whether a path, without its query, is one of this handler's. */
  serves(path: string): boolean;
}

/**
 * Makes a listener for a server one already has, of a handler that `createHandler` made: node:http, node:http2's compatibility
 * API, and frameworks that hand both on.
 *
 *     http.createServer(mount(handler))
 *     express().use(mount(handler))                  // before any body parser
 *     fastify().addHook('onRequest', ({ raw }, reply, done) => mount(handler)(raw, reply.raw, done))
 *
 * A call's token is that of {@link tokenOf}, with the caller's deadline. Paths that are not the handler's go to `next`; without
 * one they are answered with 404. A shutdown is the server's own affair: nothing here hears of it.
 */
export function mount(handler: Mountable): (req: NodeRequest, res: NodeResponse, next?: () => void) => void {
  return (req, res, next) => {
    const path = (req.url ?? '').split('?', 1)[0] as string;
    if (next !== undefined && !handler.serves(path)) next();
    else void handler[exchangeHandler](new NodeExchange(req, res));
  };
}

class NodeExchange implements Exchange {
  readonly token: CancellationToken;
  readonly #req: NodeRequest;
  readonly #res: ServerResponse;

  constructor(req: NodeRequest, res: NodeResponse) {
    this.#req = req;
    // Both kinds have what is asked of them here.
    this.#res = res as ServerResponse;
    this.token = tokenOf(req, res);
    // It knows better than an adapter in front of it how its callers read an error.
    const line = NodeLine.find(res);
    if (line !== undefined) line.speaksForItself = true;
  }

  get method(): string {
    return this.#req.method as string;
  }

  get target(): string {
    return this.#req.url as string;
  }

  header(name: string): string | undefined {
    return joined(this.#req.headers[name]);
  }

  *headers(): Iterable<[name: string, value: string]> {
    for (const name in this.#req.headers) if (!name.startsWith(':')) yield [name, this.header(name) as string];
  }

  body(limit: number): Promise<Uint8Array> {
    if (Number(this.header('content-length')) > limit) return Promise.reject(new BodyTooLargeError(limit));
    return collect(this.#req, limit, this.token);
  }

  chunks(token: CancellationToken): Inflow {
    return chunksOf(this.#req, token);
  }

  respond(status: number, headers: Record<string, string>, body: string | Uint8Array = ''): void {
    if (!this.#answerable) return;
    this.#res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
  }

  stream(status: number, headers: Record<string, string>): ResponseWriter | undefined {
    if (!this.#answerable) return undefined;
    const res = this.#res;
    res.writeHead(status, headers).flushHeaders();
    return { write: (chunk) => writeTo(res, chunk), end: (chunk) => void res.end(chunk) };
  }

  get #answerable(): boolean {
    return !this.#res.headersSent && !isGone(this.#res);
  }
}
