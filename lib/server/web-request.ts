// A `Request` that costs nothing until it is asked for something. Real ones double the price of a request on Node.
//
// 1. Method, URL, headers, signal and the plain ways to read the body never make a real Request; all else does, once.
// 2. `signal` is the token's own, not a dependent copy: those get lost in a garbage collection (Node 20 to 24).
import { streamOf } from './body.ts';
import type { Call } from './call.ts';

class LazyRequest {
  readonly #call: Call;
  readonly #maxBodyBytes: number;
  #url: string | undefined;
  #headers: Headers | undefined;
  #real: Request | undefined;
  #bodyRead = false;

  constructor(call: Call, maxBodyBytes: number) {
    this.#call = call;
    this.#maxBodyBytes = maxBodyBytes;
  }

  get method(): string {
    return this.#call.method;
  }

  get url(): string {
    this.#url ??= hrefOf(this.#call);
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= new Headers([...this.#call.headers()]);
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#call.token.signal;
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#full().body;
  }

  get bodyUsed(): boolean {
    return this.#bodyRead || this.#real?.bodyUsed === true;
  }

  text(): Promise<string> {
    return this.#real === undefined ? this.#read().then(decode) : this.#real.text();
  }

  json(): Promise<unknown> {
    return this.#real === undefined ? this.#read().then(parse) : this.#real.json();
  }

  async bytes(): Promise<Uint8Array> {
    return this.#real === undefined
      ? new Uint8Array(await this.#read())
      : new Uint8Array(await this.#real.arrayBuffer());
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#real === undefined ? ((await this.bytes()).buffer as ArrayBuffer) : this.#real.arrayBuffer();
  }

  blob(): Promise<Blob> {
    return this.#full().blob();
  }

  formData(): Promise<FormData> {
    return this.#full().formData();
  }

  /** A real Request, and for that the only way to hand this one to `fetch` or to `new Request` whole. */
  clone(): Request {
    return new Request(this.#full().clone(), { signal: this.signal });
  }

  #read(): Promise<Uint8Array> {
    if (!this.#call.hasBody) return Promise.resolve(NOTHING);
    if (this.#bodyRead) return Promise.reject(new TypeError('Body is unusable: Body has already been read'));
    this.#bodyRead = true;
    return this.#call.body(this.#maxBodyBytes);
  }

  #full(): Request {
    this.#real ??= this.#make();
    return this.#real;
  }

  #make(): Request {
    const { hasBody, incoming, token, method } = this.#call;
    const init: RequestInit & { duplex: 'half' } = { method, headers: this.headers, duplex: 'half' };
    const bodied = hasBody && method !== 'GET' && method !== 'HEAD';
    if (bodied) init.body = this.#bodyRead ? NOTHING : streamOf(incoming, this.#maxBodyBytes, token);
    const real = new Request(this.url, init);
    // What was read here is to be used up there as well, for whoever asks again in another way.
    if (bodied && this.#bodyRead) real.arrayBuffer().catch(ignore);
    return real;
  }

  static {
    // What is not worth a cheap form of its own comes from the real one.
    for (const name of [
      'cache',
      'credentials',
      'destination',
      'duplex',
      'integrity',
      'keepalive',
      'mode',
      'redirect',
      'referrer',
      'referrerPolicy',
    ] as const) {
      Object.defineProperty(this.prototype, name, {
        get(this: LazyRequest): unknown {
          return (this.#full() as unknown as Record<string, unknown>)[name];
        },
      });
    }
    Object.setPrototypeOf(this.prototype, Request.prototype);
  }
}

const NOTHING = new Uint8Array(0);
function ignore(): void {}

/** As TextDecoder does it, at a fifth of the price for a small body. */
function decode(bytes: Uint8Array): string {
  const text = (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)).toString('utf8');
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}

const BYTE_ORDER_MARK = 0xfeff;

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(decode(bytes));
}

/** The web `Request` of a call. `instanceof Request` holds; `request.clone()` gives a real one. */
export function webRequest(call: Call, maxBodyBytes: number): Request {
  return new LazyRequest(call, maxBodyBytes) as unknown as Request;
}

const AUTHORITY = /^(?:[\w.~!$&'()*+,;=%-]+|\[[\da-f:.]+\])(?::\d*)?$/i;

/** The authority that was found good last; most requests bring the same one. */
let known = '';

/** Whether the request names a resource at all; asked first, so that `request.url` can never throw. */
export function hasUrl(call: Call): boolean {
  const { authority = 'localhost', target } = call;
  // A path never spoils a URL.
  if (authority === known && target?.startsWith('/')) return true;
  if (target === undefined || !AUTHORITY.test(authority)) return false;
  try {
    urlOf(call);
  } catch {
    return false;
  }
  if (target.startsWith('/')) known = authority;
  return true;
}

/** A path and a query of which a URL changes nothing: no dot segment, nothing that it would encode. */
const PLAIN = /^(?:\/(?![.%])[\w.~!$&()*+,;=:@%-]*)+(?:\?[\w.~!$&()*+,;=:@%/?-]*)?$/;

/** What the last URL began with. To parse each anew would be a good part of what a request costs. */
let last = { scheme: '', authority: '', origin: '' };

function hrefOf(call: Call): string {
  const { scheme, authority = 'localhost', target } = call;
  if (!PLAIN.test(target)) return urlOf(call).href;
  if (last.authority !== authority || last.scheme !== scheme) {
    last = { scheme, authority, origin: new URL(`${scheme}://${authority}`).origin };
  }
  return last.origin + target;
}

function urlOf({ scheme, authority = 'localhost', target }: Call): URL {
  if (target.startsWith('/')) return new URL(`${scheme}://${authority}${target}`);
  // `OPTIONS *` means the server itself. Any other target is a URL of its own (RFC 9112, section 3.2.2).
  return new URL(target === '*' ? `${scheme}://${authority}` : target);
}
