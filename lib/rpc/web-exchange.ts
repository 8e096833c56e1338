import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  type Registration,
  toToken,
} from '../core/index.ts';
import {
  BodyTooLargeError,
  type Exchange,
  encodeError,
  httpOfReason,
  isAnswered,
  JSON_TYPE,
  type ResponseWriter,
} from '../wire/index.ts';
import { readBody } from './body.ts';
import { chunksOf } from './web-chunks.ts';
import { WebWriter } from './web-writer.ts';

/** What a server hands a web handler beside the request; anything else in its place is ignored. */
export interface WebContext {
  readonly token?: Cancellable;
}

/** An exchange made of a web `Request`, for servers that know nothing of ours. */
export class WebExchange implements Exchange {
  readonly token: CancellationToken;
  /** A server that cancels the body of a response says so that its reader has gone. */
  readonly #left: () => void;
  readonly #request: Request;
  readonly #resolve: (response: Response) => void;
  readonly #registration: Registration;

  constructor(request: Request, context: WebContext | undefined, resolve: (response: Response) => void) {
    this.#request = request;
    this.#resolve = resolve;
    const source = new CancellationSource(toToken('context.token', context?.token ?? request.signal));
    this.token = source.token;
    this.#left = () => source.cancel('PEER_CLOSED');
    this.#registration = this.token.onCancel(this);
  }

  onCancelled({ reason }: CancellationToken): void {
    // Nobody is there to read it, but the server that called us still waits for a response.
    if (reason !== undefined && !isAnswered(reason))
      this.#resolve(new Response(GONE, { status: httpOfReason(reason), headers: JSON_HEADERS }));
  }

  get method(): string {
    return this.#request.method;
  }

  get target(): string {
    const { url } = this.#request;
    return url.slice(url.indexOf('/', url.indexOf('://') + 3));
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  headers(): Iterable<[name: string, value: string]> {
    return this.#request.headers;
  }

  body(limit: number): Promise<Uint8Array> {
    const announced = Number(this.header('content-length'));
    return announced > limit ? Promise.reject(new BodyTooLargeError(limit)) : readBody(this.#request.body, limit);
  }

  chunks(token: CancellationToken): AsyncIterableIterator<Uint8Array> {
    return chunksOf(this.#request.body, token);
  }

  stream(status: number, headers: Record<string, string>): ResponseWriter | undefined {
    if (this.token.cancelled) return undefined;
    this.#registration.unregister();
    const writer = new WebWriter(this.token, this.#left);
    this.#resolve(new Response(writer.body, { status, headers }));
    return writer;
  }

  respond(status: number, headers: Record<string, string>, body?: string | Uint8Array<ArrayBuffer>): void {
    this.#registration.unregister();
    this.#resolve(new Response(body ?? null, { status, headers }));
  }
}

const JSON_HEADERS = { 'content-type': JSON_TYPE };
const GONE = encodeError({ code: 'canceled', message: '', details: [] });
