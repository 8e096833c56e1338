// A `Response` that costs next to nothing until it is asked for more than what it was made of. The platform's own takes as long
// to make as node:http takes for a whole request.
//
// 1. Status, text or bytes, and plain header fields never make a real Response; everything else does, once.
// 2. What the platform refuses is refused here too, when it is made: all that is not plain goes to the real one at once.
// 3. Headers that were handed out count, and not those it was made of: whoever has them may change them.
import { fieldsOf, isOurs, type ResponseHeaders } from './fields.ts';

/** As it was when this was loaded: a program may have put `FastResponse` in its place since. */
const Platform = Response;

/** Takes a response that is plain: text or bytes, or nothing. */
export interface Taker {
  respond(status: number, headers: ResponseHeaders, body: string | Uint8Array): void;
}

let hand: (response: Response, taker: Taker) => boolean;

class FastResponseClass {
  readonly #status: number;
  readonly #statusText: string;
  readonly #body: string | Uint8Array | null;
  readonly #fields: ResponseHeaders;
  #headers: Headers | undefined;
  #real: Response | undefined;

  constructor(body?: BodyInit | null, init?: ResponseInit) {
    const plain = init instanceof Plain ? init : plainOf(body, init);
    if (plain === undefined) {
      const real = new Platform(body, init);
      this.#status = real.status;
      this.#statusText = real.statusText;
      this.#real = real;
      this.#body = null;
      this.#fields = NONE;
      return;
    }
    const { status, headers } = plain;
    this.#status = status;
    this.#statusText = '';
    this.#body = plain.body;
    this.#fields = headers instanceof Headers ? NONE : headers;
    if (headers instanceof Headers) this.#headers = headers;
  }

  get status(): number {
    return this.#status;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get headers(): Headers {
    this.#headers ??= this.#real?.headers ?? new Headers(this.#fields as Record<string, string>);
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#real?.bodyUsed === true;
  }

  clone(): Response {
    const { body, status, statusText } = this.#full().clone();
    return new Platform(body, { status, statusText, headers: this.headers });
  }

  #full(): Response {
    const { status, statusText } = this;
    if (this.#real === undefined) {
      this.#real = new Platform(this.#body as BodyInit, { status, statusText, headers: this.headers });
      // Where it was taken away, the platform has put it there again.
      if (!this.headers.has('content-type')) this.#real.headers.delete('content-type');
    }
    return this.#real;
  }

  static json(data: unknown, init?: ResponseInit): Response {
    const text = JSON.stringify(data);
    // What it says of data that is none is for the platform to say.
    if (text === undefined) return Platform.json(data, init);
    const plain = plainOf(text, init, JSON_TEXT);
    if (plain !== undefined) return new FastResponse(text, plain as ResponseInit);
    const headers = withType(new Headers(init?.headers), JSON_TEXT) as Headers;
    return new Platform(text, { ...init, headers });
  }

  /** Every response is one, so that it can stand in for the platform's class where that is asked; not of a class below it. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return this === FastResponseClass ? value instanceof Platform : ordinary.call(this, value);
  }

  static {
    hand = (response, taker) => {
      const fast = response as object;
      if (!(#real in fast) || fast.#real !== undefined) return false;
      const headers = fast.#headers === undefined ? fast.#fields : fieldsOf(fast.#headers);
      taker.respond(fast.#status, headers, fast.#body ?? '');
      return true;
    };

    for (const name of ['body', 'redirected', 'type', 'url'] as const) {
      const get = function (this: FastResponseClass): unknown {
        return this.#full()[name];
      };
      Object.defineProperty(this.prototype, name, { get, configurable: true });
    }
    for (const name of ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const) {
      const value = function (this: FastResponseClass): Promise<unknown> {
        return this.#full()[name]();
      };
      if (name in Platform.prototype) Object.defineProperty(this.prototype, name, { value, configurable: true });
    }
    Object.setPrototypeOf(this.prototype, Platform.prototype);
    Object.setPrototypeOf(this, Platform);
    Object.defineProperty(this, 'name', { value: Platform.name });
  }
}

const ordinary = Function.prototype[Symbol.hasInstance];
const NONE: ResponseHeaders = {};
const TEXT = 'text/plain;charset=UTF-8';
const JSON_TEXT = 'application/json';

/** What a plain response is made of. */
class Plain {
  readonly status: number;
  readonly body: string | Uint8Array | null;
  readonly headers: ResponseHeaders | Headers;

  constructor(status: number, body: string | Uint8Array | null, headers: ResponseHeaders | Headers) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** @returns undefined for what is not plain */
function plainOf(body: unknown, init: ResponseInit | undefined, type: string = TEXT): Plain | undefined {
  const kept = plainBody(body);
  const headers = kept !== undefined && isPlainInit(init, kept) ? plainHeaders(init?.headers) : undefined;
  if (kept === undefined || headers === undefined) return undefined;
  return new Plain(init?.status ?? 200, kept, typeof kept === 'string' ? withType(headers, type) : headers);
}

/** Text or bytes, or nothing; undefined for all that is a stream to the platform. */
function plainBody(body: unknown): string | Uint8Array | null | undefined {
  if (typeof body === 'string') return body;
  // A copy, as the platform makes one: the caller may go on using its buffer.
  if (body instanceof Uint8Array && body.buffer instanceof ArrayBuffer) return new Uint8Array(body);
  return body === undefined || body === null ? null : undefined;
}

/** With a status that goes with the body, and no words of its own for it. */
function isPlainInit(init: ResponseInit | undefined, body: string | Uint8Array | null): boolean {
  if (init === undefined) return true;
  if (typeof init !== 'object' || init === null) return false;
  const { status = 200, statusText = '' } = init;
  if (statusText !== '' || !Number.isInteger(status) || status < 200 || status > 599) return false;
  return (status !== 204 && status !== 205 && status !== 304) || body === null;
}

const NAME = /^[\w-]+$/;
/** What needs no trimming, and is a byte each. */
const VALUE = /^[!-~](?:[ -~]*[!-~])?$/;

/** A copy; undefined for all that is to be read by the platform's rules. */
function plainHeaders(init: HeadersInit | undefined): ResponseHeaders | Headers | undefined {
  if (init instanceof Headers) return new Headers(init);
  const fields: ResponseHeaders = {};
  if (init === undefined) return fields;
  if (init === null || Object.getPrototypeOf(init) !== Object.prototype) return undefined;
  for (const name in init) {
    const value: unknown = (init as Record<string, unknown>)[name];
    if (typeof value !== 'string' || !NAME.test(name) || !VALUE.test(value)) return undefined;
    const key = name.toLowerCase();
    // Twice, in other letters: the platform joins them.
    if (key in fields || !isOurs(key)) return undefined;
    fields[key] = value;
  }
  return fields;
}

/** Says of what type the body is, where nothing else was said. @returns the same headers */
function withType(headers: ResponseHeaders | Headers, type: string): ResponseHeaders | Headers {
  if (!(headers instanceof Headers)) headers['content-type'] ??= type;
  else if (!headers.has('content-type')) headers.set('content-type', type);
  return headers;
}

/** Whether a value is a Response: the platform's, this one, or one of a class that has been put in their place. */
export function isResponse(value: unknown): value is Response {
  return value instanceof Platform || value instanceof Response;
}

/** Hands `response` to `taker` if nobody has asked it for more than it was made of. @returns whether that is so */
export function handPlain(response: Response, taker: Taker): boolean {
  return hand(response, taker);
}

/**
 * A `Response` made lazily: from a handler of `serve`, `new FastResponse(text, init)` answers as `new Response(text, init)` does at a
 * fraction of its price, which is that of a whole request of node:http. It is an instance of Response with all of its members, and
 * may stand in for the global one where a framework makes the responses: `globalThis.Response = FastResponse`.
 *
 * With a body that is a stream, a form or a blob, and everywhere but in `serve`, it costs what a Response does. To what looks into a
 * Response without asking its members (a cache, another server) hand `response.clone()`, which is the platform's.
 *
 * @throws what the Response constructor throws
 */
export const FastResponse: typeof Response = FastResponseClass as unknown as typeof Response;
