import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { addAbortSignal } from 'node:stream';
import { RST_CANCEL } from '../wire/index.ts';
import { discard } from './body.ts';
import { Call, type CallHost } from './call.ts';
import type { Connection } from './connections.ts';
import type { ResponseHeaders } from './fields.ts';
import { watchStream } from './peer.ts';
import { joined } from './raw-headers.ts';

/** A request over HTTP/2, on the stream API: its compatibility API costs more and hides the state of the stream. */
export class Http2Call extends Call {
  readonly incoming: ServerHttp2Stream;
  readonly hasBody: boolean;
  readonly #headers: IncomingHttpHeaders;

  constructor(
    host: CallHost,
    connection: Connection,
    timeout: number,
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
  ) {
    super(host, connection, timeout);
    this.incoming = stream;
    this.#headers = headers;
    this.hasBody = !stream.endAfterHeaders;
    watchStream(stream, this, connection.socket);
  }

  get outgoing(): ServerHttp2Stream {
    return this.incoming;
  }

  get method(): string {
    return this.#headers[':method'] as string;
  }

  get target(): string {
    return this.#headers[':path'] as string;
  }

  get scheme(): 'http' | 'https' {
    return this.#headers[':scheme'] === 'https' ? 'https' : 'http';
  }

  get authority(): string | undefined {
    return this.#headers[':authority'] ?? this.#headers.host;
  }

  header(name: string): string | undefined {
    return joined(this.#headers[name]);
  }

  *headers(): Iterable<[name: string, value: string]> {
    for (const name in this.#headers) if (!name.startsWith(':')) yield [name, this.header(name) as string];
  }

  protected get bodyComplete(): boolean {
    // The second one asks nghttp2, which takes its time.
    return this.incoming.readableEnded || this.incoming.state.remoteClose === 1;
  }

  protected writeHead(status: number, headers: ResponseHeaders, bodiless: boolean): void {
    this.incoming.respond({ ':status': status, ...headers }, { endStream: bodiless });
  }

  protected writeEnd(body: string | Uint8Array | undefined): void {
    const stream = this.incoming;
    stream.end(body);
    // The answer is on its way and the peer still sends: ask it to stop. Never with code 0: followed by a destroy before a
    // flush, that sends node:http2 into an endless loop.
    if (!this.hasBody || stream.readableEnded) return;
    discard(stream, () => {
      // A reset overtakes what has yet to be written, to a peer that is slow to read.
      if (stream.writableFinished) this.#stopUpload();
      else stream.once('finish', () => this.#stopUpload());
    });
  }

  #stopUpload(): void {
    const stream = this.incoming;
    if (!stream.readableEnded && !stream.closed) stream.close(RST_CANCEL);
  }

  protected destroy(): void {
    // RST_STREAM CANCEL. `close(8)` would end the response first, and the peer would take what it has for the whole.
    addAbortSignal(AbortSignal.abort(), this.incoming);
  }
}
