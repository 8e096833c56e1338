import { once } from 'node:events';
import http2, { type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach } from 'vitest';

/** What a bare node:http2 server saw of one call. */
export interface Seen {
  readonly stream: ServerHttp2Stream;
  readonly session: ServerHttp2Session;
  readonly headers: http2.IncomingHttpHeaders;
  /** The body, once it has ended. */
  readonly body: Promise<string>;
  /** The code of the reset, once the caller has sent one. */
  readonly reset: Promise<number>;
  /** Answers with 200 and JSON. */
  answer(json?: unknown, headers?: http2.OutgoingHttpHeaders): void;
}

/** A server that knows nothing of this library: each call is handed to the spec. */
export class RawServer {
  readonly server: Http2Server = http2.createServer();
  readonly seen: Seen[] = [];
  readonly sessions: ServerHttp2Session[] = [];
  readonly sockets: Socket[] = [];
  /** Called for each call; the default answers it at once. */
  onCall: (call: Seen) => void = (call) => call.answer();
  readonly #waiting: ((call: Seen) => void)[] = [];

  constructor() {
    this.server.on('connection', (socket) => this.sockets.push(socket));
    this.server.on('session', (session) => {
      this.sessions.push(session);
      session.on('error', () => {});
    });
    this.server.on('sessionError', () => {});
    this.server.on('stream', (stream, headers) => this.#arrived(stream, headers));
  }

  async listen(port = 0): Promise<string> {
    await once(this.server.listen(port, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next call to arrive. It is left to the caller of this to answer. */
  next(): Promise<Seen> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  #arrived(stream: ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    stream.on('error', () => {});
    const reset = new Promise<number>((resolve) => stream.once('aborted', () => resolve(stream.rstCode ?? -1)));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const body = new Promise<string>((resolve) => stream.once('end', () => resolve(Buffer.concat(chunks).toString())));
    const answer: Seen['answer'] = (json = { greeting: 'hello' }, extra = {}) => {
      if (stream.destroyed || stream.closed) return;
      const text = JSON.stringify(json);
      stream.respond({
        ':status': 200,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        ...extra,
      });
      stream.end(text);
    };
    const call: Seen = { stream, session: stream.session as ServerHttp2Session, headers, body, reset, answer };
    this.seen.push(call);
    (this.#waiting.shift() ?? this.onCall)(call);
  }
}

/** Starts raw servers that end with the test. */
export function useRawServer(): () => Promise<{ server: RawServer; baseUrl: string }> {
  const open: RawServer[] = [];
  afterEach(() => {
    for (const server of open.splice(0)) server.close();
  });
  return async () => {
    const server = new RawServer();
    open.push(server);
    return { server, baseUrl: await server.listen() };
  };
}
