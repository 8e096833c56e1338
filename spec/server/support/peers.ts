// Clients that misbehave on request, on real sockets.
import http2, { type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import net, { type Socket } from 'node:net';
import { addAbortSignal } from 'node:stream';
import tls from 'node:tls';

export type Protocol = 'HTTP/1.1' | 'h2c' | 'h2 over TLS';
export const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'h2c', 'h2 over TLS'];

export interface Ask {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  /** Sent at once. */
  body?: string;
  /** More of the body is to come, and never does. */
  unfinished?: boolean;
  /** Reads nothing, so that a large response can't be sent to its end. */
  stall?: boolean;
}

/** One request on the wire, and what has come back. */
export interface Asked {
  /** Waits until what has come (HTTP/1.1: with its head) contains `text`. */
  until(text: string): Promise<string>;
  /** Waits for the response's head. */
  readonly responded: Promise<void>;
  /** Everything that came, once the response is over or broken off. */
  readonly over: Promise<string>;
  /** More of an unfinished body. */
  send(text: string): void;
  /** How much of it the peer does not take, in bytes. */
  readonly unsent: number;
  /** Whether the response came to its proper end. */
  readonly complete: boolean;
  /** RST_STREAM; over HTTP/1.1 the connection has to go. */
  reset(code?: number): void;
  /** As `reset`, but without ending the request's body first, as node:http2's `signal` option does. */
  abort(): void;
  readonly status: number | undefined;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** One connection of a client. */
export interface Client {
  ask(ask?: Ask): Asked;
  /** Closes the connection in order (FIN). */
  leave(): void;
  /** Sends FIN and goes on reading. */
  halfClose(): void;
  /** Breaks the connection (TCP RST). */
  drop(): void;
  readonly gone: Promise<void>;
}

export async function connect(protocol: Protocol, port: number): Promise<Client> {
  const raw = net.connect(port, '127.0.0.1');
  raw.on('error', ignore);
  await new Promise((resolve) => raw.once('connect', resolve));
  if (protocol === 'HTTP/1.1') return new Http1Client(raw);
  const socket =
    protocol === 'h2c' ? raw : tls.connect({ socket: raw, ALPNProtocols: ['h2'], rejectUnauthorized: false });
  socket.on('error', ignore);
  const session = http2.connect(`http${protocol === 'h2c' ? '' : 's'}://127.0.0.1:${port}`, {
    createConnection: () => socket,
  });
  session.on('error', ignore);
  await new Promise((resolve) => session.once('remoteSettings', resolve));
  return new Http2Client(raw, session);
}

/** Text that grows, and those who wait for something in it. */
class Received {
  text = '';
  readonly over: Promise<string>;
  #end!: () => void;
  #waiting: { text: string; resolve: (all: string) => void }[] = [];

  constructor() {
    this.over = new Promise((resolve) => {
      this.#end = () => resolve(this.text);
    });
  }

  add(chunk: string): void {
    this.text += chunk;
    const found = this.#waiting.filter(({ text }) => this.text.includes(text));
    this.#waiting = this.#waiting.filter((waiting) => !found.includes(waiting));
    for (const { resolve } of found) resolve(this.text);
  }

  end(): void {
    this.#end();
  }

  until(text: string): Promise<string> {
    if (this.text.includes(text)) return Promise.resolve(this.text);
    return new Promise((resolve) => this.#waiting.push({ text, resolve }));
  }
}

abstract class BaseClient implements Client {
  readonly gone: Promise<void>;
  protected readonly raw: Socket;

  constructor(raw: Socket) {
    this.raw = raw;
    this.gone = new Promise((resolve) => raw.once('close', () => resolve()));
  }

  abstract ask(ask?: Ask): Asked;

  leave(): void {
    this.raw.destroy();
  }

  halfClose(): void {
    this.raw.end();
  }

  drop(): void {
    this.raw.resetAndDestroy();
  }
}

/** Writes requests by hand. Responses arrive as the raw bytes of the connection. */
class Http1Client extends BaseClient {
  readonly #received = new Received();

  constructor(raw: Socket) {
    super(raw);
    raw.setEncoding('latin1');
    raw.on('data', (chunk: string) => this.#received.add(chunk));
    raw.once('close', () => this.#received.end());
  }

  ask({ method = 'GET', path = '/', headers = {}, body, unfinished = false, stall = false }: Ask = {}): Asked {
    const length =
      body === undefined && !unfinished
        ? {}
        : unfinished
          ? { 'transfer-encoding': 'chunked' }
          : { 'content-length': String(body?.length) };
    const fields = Object.entries({ host: 'localhost', ...length, ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    const sent = unfinished ? chunked(body ?? '') : (body ?? '');
    this.raw.write(`${method} ${path} HTTP/1.1\r\n${fields.join('')}\r\n${sent}`);
    const received = this.#received;
    const { raw } = this;
    if (stall) this.raw.pause();
    return {
      until: (text) => received.until(text),
      responded: received.until('\r\n\r\n').then(ignore),
      over: received.over,
      send: (text) => void this.raw.write(chunked(text)),
      get unsent() {
        return raw.writableLength;
      },
      get complete() {
        return !/chunked/.test(received.text) || received.text.endsWith('0\r\n\r\n');
      },
      reset: () => this.drop(),
      abort: () => this.drop(),
      get status() {
        const line = /^HTTP\/1\.1 (\d+)/.exec(received.text.replace(/^HTTP\/1\.1 100[\s\S]*?\r\n\r\n/, ''));
        return line === null ? undefined : Number(line[1]);
      },
      get headers() {
        const [head = ''] = received.text.split('\r\n\r\n');
        return Object.fromEntries(
          head
            .split('\r\n')
            .slice(1)
            .map((line) => line.toLowerCase().split(': ') as [string, string]),
        );
      },
    };
  }
}

class Http2Client extends BaseClient {
  readonly session: ClientHttp2Session;

  constructor(raw: Socket, session: ClientHttp2Session) {
    super(raw);
    this.session = session;
  }

  ask({ method = 'GET', path = '/', headers = {}, body, unfinished = false, stall = false }: Ask = {}): Asked {
    const stream: ClientHttp2Stream = this.session.request(
      { ':method': method, ':path': path, ...headers },
      { endStream: body === undefined && !unfinished },
    );
    const received = new Received();
    let head: http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader = {};
    stream.on('error', ignore);
    stream.setEncoding('latin1');
    stream.on('response', (fields) => {
      head = fields;
    });
    if (!stall) stream.on('data', (chunk: string) => received.add(chunk));
    stream.on('close', () => received.end());
    if (unfinished) stream.write(body ?? 'x');
    else if (body !== undefined) stream.end(body);
    return {
      until: (text) => received.until(text),
      responded: new Promise((resolve) => stream.once('response', () => resolve())),
      over: received.over,
      send: (text) => void stream.write(text),
      get unsent() {
        return stream.writableLength;
      },
      get complete() {
        return stream.readableEnded && stream.rstCode === 0;
      },
      reset: (code = http2.constants.NGHTTP2_CANCEL) => stream.close(code),
      abort: () => void addAbortSignal(AbortSignal.abort(), stream),
      get status() {
        return head[':status'];
      },
      get headers() {
        return head as Record<string, string>;
      },
    };
  }
}

function chunked(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function ignore(): void {}
