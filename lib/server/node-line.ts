// The line of a request on node:http, or on the compatibility API of node:http2, whoever's server that is.
//
// 1. `end` of the response is where it counts as queued; it is the one method that is replaced on every response. `writeHead`,
//    through which Node itself sends a head that nobody wrote, is replaced only where a limit ends with the head.
// 2. What is said in the handler's place goes past whatever was put before the response's methods later on: a session store that
//    hangs must not hang the answer that says so.
// 3. A muted response swallows what is written to it. A late handler must not throw at its response: frameworks close the
//    connection when it does, and with it whatever else it carries.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse, Http2Session, ServerHttp2Stream } from 'node:http2';
import { addAbortSignal } from 'node:stream';
import type { CancellationSource } from '../core/index.ts';
import { RST_CANCEL, TIMEOUT_HEADER } from '../wire/index.ts';
import { discard } from './body.ts';
import { type Line, type Lined, type LineWatcher, line } from './line.ts';
import { fieldOf } from './raw-headers.ts';
import { type Form, type Refusal, TWICE } from './refusal.ts';
import { type Followed, follow, isGone } from './request.ts';

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;

type Method = (this: NodeResponse, ...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

export class NodeLine implements Line {
  readonly source: CancellationSource;
  speaksForItself = false;
  mutes = true;
  readonly #followed: Followed;
  readonly #req: NodeRequest;
  readonly #res: NodeResponse;
  readonly #writeHead: Method;
  readonly #write: Method;
  readonly #end: Method;
  watcher: LineWatcher | undefined;
  #onLate: (() => void) | undefined;
  /** What its connection had sent before, where it {@link upgrades}: what comes on top is of another protocol. */
  readonly #sentBefore: number;

  private constructor(req: NodeRequest & Lined, res: NodeResponse & Lined) {
    this.#followed = follow(req, res);
    this.source = this.#followed.source;
    this.#req = req;
    this.#res = res;
    this.#writeHead = res.writeHead as Method;
    this.#write = res.write as Method;
    this.#end = res.end as Method;
    this.#sentBefore = this.upgrades ? req.socket.bytesWritten : 0;
    res[line] = this;
    req[line] = this;
  }

  /** Takes the exchange over. @throws TypeError when that has been done, or for what node:http did not make */
  static open(req: NodeRequest, res: NodeResponse): NodeLine {
    if ((res as Lined | undefined)?.[line] !== undefined) throw new TypeError(TWICE);
    return new NodeLine(req, res);
  }

  /** The line that an adapter has opened for this request or response. */
  static find(raw: object): Line | undefined {
    return (raw as Lined)[line];
  }

  get name(): string {
    const {
      method,
      url = '',
      originalUrl = url,
    } = this.#req as { method?: string; url?: string; originalUrl?: string };
    return `${method} ${originalUrl.split('?', 1)[0]}`;
  }

  get begun(): boolean {
    if (this.#res.headersSent || this.#followed.over || isGone(this.#res)) return true;
    return this.upgrades && this.#req.socket.bytesWritten > this.#sentBefore;
  }

  /** Node says so where somebody listens to 'upgrade', who then hands the request on, as plugins for WebSockets do. */
  get upgrades(): boolean {
    return (this.#req as { upgrade?: boolean }).upgrade === true;
  }

  get over(): boolean {
    return this.#followed.over;
  }

  /** The caller's `connect-timeout-ms`. */
  get timeout(): string | undefined {
    return fieldOf(this.#req, TIMEOUT_HEADER);
  }

  /** The HTTP/2 session that carries it. */
  get session(): Http2Session | undefined {
    return 'stream' in this.#res ? this.#res.stream.session : undefined;
  }

  watch(watcher: LineWatcher, begun: boolean): void {
    this.watcher = watcher;
    this.#followed.visit = watcher;
    // Invariant 1.
    (this.#res.end as Method) = endLined;
    if (begun) watchHead(this.#res as unknown as Methods, watcher);
  }

  end(chunk: unknown, encoding: unknown, callback: unknown): NodeResponse {
    if (this.#onLate === undefined) {
      this.#end.call(this.#res, chunk, encoding, callback);
      this.watcher?.queued();
      if ('stream' in this.#res) this.#endWithoutUpload(this.#res.stream);
    } else this.#late([chunk, encoding, callback]);
    return this.#res;
  }

  answer(refusal: Refusal, form: Form): void {
    const { type, body } = form(refusal);
    for (const name of this.#res.getHeaderNames()) if (DESCRIBES_BODY.test(name)) this.#res.removeHeader(name);
    const headers = { ...refusal.headers, 'content-type': type, 'content-length': Buffer.byteLength(body) };
    if ('stream' in this.#res) this.#answerStream(this.#res, refusal.status, headers, body);
    else {
      const { last } = refusal;
      this.#answerResponse(this.#res, refusal.status, last ? { ...headers, connection: 'close' } : headers, body);
    }
  }

  cut(): void {
    // RST_STREAM CANCEL, and nothing else of the session.
    if ('stream' in this.#res) addAbortSignal(AbortSignal.abort(), this.#res.stream);
    // A request that a test has injected (light-my-request, as Fastify does) has no connection that could go.
    else ('destroy' in this.#req.socket ? this.#req.socket : this.#res).destroy();
  }

  mute(onLate: () => void): void {
    this.#onLate = onLate;
    const methods = this.#res as unknown as Methods;
    methods.write = (...args) => this.#late(args);
    for (const name of HEADS) if (name in methods) methods[name] = quiet;
  }

  last(): void {
    if (!('stream' in this.#res) && !this.#res.headersSent) this.#res.shouldKeepAlive = false;
  }

  #answerResponse(res: ServerResponse, status: number, headers: Record<string, string | number>, body: string): void {
    const req = this.#req as IncomingMessage;
    // Of who writes past the mute response, through a method that it kept: an 'error' that nobody hears would end the process.
    res.on('error', ignore);
    // With its phrase, as the handler may have left another one.
    this.#writeHead.call(res, status, STATUS_CODES[status], headers);
    // Of a request that was injected only the second one is known.
    if (req.complete ?? req.readableEnded) this.#end.call(res, body, 'utf8');
    else {
      // `end` would close the connection at once, with bytes of the body unread, and TCP would take the answer back.
      this.#write.call(res, body, 'utf8');
      discard(req, () => this.#end.call(res));
    }
  }

  #answerStream(
    res: Http2ServerResponse,
    status: number,
    headers: Record<string, string | number>,
    body: string,
  ): void {
    const { stream } = res;
    this.#writeHead.call(res, status, headers);
    this.#end.call(res, body, 'utf8');
    if (!stream.readableEnded && !stream.endAfterHeaders) {
      discard(stream, () => stream.readableEnded || stream.closed || stream.close(RST_CANCEL));
    }
  }

  /** A stream stays open after its answer as long as its client has more to send, which concerns nobody here. */
  #endWithoutUpload(stream: ServerHttp2Stream): void {
    if (!stream.readableEnded && !stream.endAfterHeaders) stream.once('finish', () => this.#followed.end());
  }

  /** As Node does with what is written to a response that is gone, but for the 'error'. */
  #late(args: unknown[]): boolean {
    this.#onLate?.();
    const callback = args.find((arg) => typeof arg === 'function') as (() => void) | undefined;
    if (callback !== undefined) process.nextTick(callback, this.source.token.error ?? null);
    return false;
  }
}

function endLined(this: NodeResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): unknown {
  return ((this as Lined)[line] as NodeLine).end(chunk, encoding, callback);
}

function watchHead(res: Methods, watcher: LineWatcher): void {
  const writeHead = res.writeHead as Method;
  res.writeHead = function (...args) {
    watcher.begun();
    return writeHead.apply(this, args);
  };
}

/** What an answer of ours must not keep of the handler's: what it says of its body, and for how long that may be kept. */
const DESCRIBES_BODY =
  /^(?:content-(?!security-policy)|etag$|last-modified$|transfer-encoding$|trailer$|cache-control$|expires$)/;

const HEADS = [
  'writeHead',
  'writeContinue',
  'writeProcessing',
  'writeEarlyHints',
  'flushHeaders',
  'setHeader',
  'setHeaders',
  'appendHeader',
  'removeHeader',
  'addTrailers',
  'setTrailer',
];

/** Chains, as `writeHead` and `setHeader` do. */
function quiet(this: NodeResponse): NodeResponse {
  return this;
}

function ignore(): void {}
