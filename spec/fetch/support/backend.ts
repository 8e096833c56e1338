import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { certificate } from '../../server/support/certificate.ts';
import { Inbox } from '../../server/support/gate.ts';

type Incoming = IncomingMessage | Http2ServerRequest;
type Outgoing = ServerResponse | Http2ServerResponse;

/** One request as the server sees it. */
export class Visit {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The request's body, when it has come whole. */
  readonly body: Promise<string>;
  /** Resolves when the exchange is over: true when the client has left before the response's end. */
  readonly left: Promise<boolean>;
  readonly #outgoing: ServerResponse;

  constructor(incoming: Incoming, outgoing: Outgoing) {
    this.method = incoming.method as string;
    this.path = incoming.url as string;
    this.headers = incoming.headers;
    // The two APIs are one for what is used of them here.
    this.#outgoing = outgoing as ServerResponse;
    this.body = new Promise((resolve) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('end', () => resolve(text));
      incoming.on('error', () => {});
    });
    this.left = new Promise((resolve) => outgoing.once('close', () => resolve(!outgoing.writableEnded)));
  }

  head(status = 200, headers: Record<string, string> = {}): void {
    this.#outgoing.writeHead(status, headers);
    this.#outgoing.flushHeaders?.();
  }

  write(text: string): void {
    this.#outgoing.write(text);
  }

  end(text?: string): void {
    this.#outgoing.end(text);
  }

  /** The connection goes, whatever was promised. */
  drop(): void {
    this.#outgoing.destroy();
  }
}

/** A server of the specs: `/ok` and `/empty` it answers by itself, with all else the spec does as it likes. */
export class Backend {
  readonly visits: Inbox<Visit> = new Inbox();
  /** Requests that have come, answered or not. */
  hits = 0;
  readonly url: string;
  readonly #server: http.Server | http2.Http2SecureServer;
  readonly #connections = new Set<{ destroy(): void }>();

  private constructor(server: http.Server | http2.Http2SecureServer, scheme: string) {
    this.#server = server;
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const onRequest = (incoming: Incoming, outgoing: Outgoing): void => this.#serve(new Visit(incoming, outgoing));
    (server as http.Server).on('request', onRequest);
    server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.on('close', () => this.#connections.delete(socket));
    });
  }

  static async start(protocol: 'HTTP/1.1' | 'h2' = 'HTTP/1.1'): Promise<Backend> {
    const server = protocol === 'h2' ? http2.createSecureServer(certificate()) : http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Backend(server, protocol === 'h2' ? 'https' : 'http');
  }

  #serve(visit: Visit): void {
    this.hits++;
    if (visit.path === '/ok') visit.end('fine');
    else if (visit.path === '/empty') {
      visit.head(204);
      visit.end();
    } else this.visits.put(visit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }
}
