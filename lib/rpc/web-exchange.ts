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
  /** Closed with the answer: platforms abort the signal of a request also once that is answered. */
  readonly #source: CancellationSource;
  readonly #request: Request;
  readonly #resolve: (response: Response) => void;
  readonly #registration: Registration;

  constructor(request: Request, context: WebContext | undefined, resolve: (response: Response) => void) {
    this.#request = request;
    this.#resolve = resolve;
    this.#source = new CancellationSource(cancelOf(request, context));
    this.#registration = this.token.onCancel(this);
  }

  onCancelled({ reason }: CancellationToken): void {
    // Nobody is there to read it, but the server that called us still waits for a response.
    if (reason !== undefined && !isAnswered(reason))
      this.#resolve(new Response(GONE, { status: httpOfReason(reason), headers: JSON_HEADERS }));
  }

  get token(): CancellationToken {
    return this.#source.token;
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
    const writer = new WebWriter(this.#source);
    this.#resolve(new Response(writer.body, { status, headers }));
    return writer;
  }

  respond(status: number, headers: Record<string, string>, body?: string | Uint8Array<ArrayBuffer>): void {
    this.#registration.unregister();
    this.#source.close();
    this.#resolve(new Response(body ?? null, { status, headers }));
  }

  /** The last resort: an answer that has begun breaks off. */
  fail(): void {
    this.#registration.unregister();
    this.#source.cancel('PEER_CLOSED');
    this.#resolve(new Response(FAILED, { status: 500, headers: JSON_HEADERS }));
  }
}

/** Servers hand all kinds of things beside the request: what they call a token may be a secret. */
function cancelOf({ signal }: Request, context: WebContext | undefined): CancellationToken {
  try {
    return toToken('context.token', context?.token ?? signal);
  } catch {
    return toToken('request.signal', signal);
  }
}

const JSON_HEADERS = { 'content-type': JSON_TYPE };
const GONE = encodeError({ code: 'canceled', message: '', details: [] });
const FAILED = encodeError({ code: 'internal', message: 'The handler failed.', details: [] });
