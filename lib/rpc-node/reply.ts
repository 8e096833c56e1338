import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import type { UnaryReply } from '../rpc/index.ts';

export type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

export class Http2Reply implements UnaryReply {
  readonly body: Uint8Array;
  readonly #headers: ResponseHeaders;

  constructor(headers: ResponseHeaders, body: Uint8Array = NOTHING) {
    this.#headers = headers;
    this.body = body;
  }

  get status(): number {
    return this.#headers[':status'] ?? 0;
  }

  header(name: string): string | undefined {
    const value = this.#headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  *headers(): Iterable<[name: string, value: string]> {
    for (const name of Object.keys(this.#headers)) {
      const value = this.header(name);
      if (!name.startsWith(':') && value !== undefined) yield [name, value];
    }
  }
}

const NOTHING = new Uint8Array(0);
