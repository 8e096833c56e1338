import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { discard } from './body.ts';
import { Call, type CallHost } from './call.ts';
import type { Connection } from './connections.ts';
import type { ResponseHeaders } from './fields.ts';
import { watchResponse } from './peer.ts';
import { fieldOf, joined } from './raw-headers.ts';

/** A request over HTTP/1.1. */
export class Http1Call extends Call {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly hasBody: boolean;

  constructor(
    host: CallHost,
    connection: Connection,
    timeout: number,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    super(host, connection, timeout);
    this.incoming = request;
    this.outgoing = response;
    this.hasBody = this.header('transfer-encoding') !== undefined || Number(this.header('content-length')) > 0;
    watchResponse(response, request.socket, this);
  }

  get method(): string {
    return this.incoming.method as string;
  }

  get target(): string {
    return this.incoming.url as string;
  }

  get scheme(): 'http' | 'https' {
    return (this.incoming.socket as TLSSocket).encrypted ? 'https' : 'http';
  }

  get authority(): string | undefined {
    return this.header('host');
  }

  header(name: string): string | undefined {
    return fieldOf(this.incoming, name);
  }

  *headers(): Iterable<[name: string, value: string]> {
    const { headers } = this.incoming;
    for (const name in headers) yield [name, joined(headers[name]) as string];
  }

  protected get bodyComplete(): boolean {
    return this.incoming.complete;
  }

  protected writeHead(status: number, headers: ResponseHeaders): void {
    const last = this.closing || this.host.draining || !(this.#bodyDone || this.#bodySmall);
    this.outgoing.writeHead(status, last ? { ...headers, connection: 'close' } : headers);
  }

  protected writeEnd(body: string | Uint8Array | undefined): void {
    if (this.#bodyDone) endWith(this.outgoing, body);
    else {
      // `end` would close the connection at once, as it is the last answer on it.
      if (body === undefined) this.outgoing.flushHeaders();
      else this.outgoing.write(body);
      discard(this.incoming, () => {
        this.outgoing.end();
        // Too little has come in its time; it would be taken for the next request's.
        if (!this.incoming.complete) this.incoming.socket.destroySoon();
      });
    }
  }

  protected destroy(): void {
    this.incoming.socket.destroy();
  }

  get #bodyDone(): boolean {
    return !this.hasBody || this.incoming.complete;
  }

  /** To wait for the rest costs less than another connection. A handler that answers at once does so before any of it is read. */
  get #bodySmall(): boolean {
    return Number(this.header('content-length')) <= SMALL;
  }
}

const SMALL = 16 << 10;
/** The head goes out in one piece with a string, but beside a buffer: for a small body that is a good part of the price. */
function endWith(response: ServerResponse, body: string | Uint8Array | undefined): void {
  if (!(body instanceof Uint8Array) || body.length > SMALL) response.end(body);
  else response.end(Buffer.from(body.buffer, body.byteOffset, body.length).toString('latin1'), 'latin1');
}
