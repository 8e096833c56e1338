import type { IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import type { UnaryReply } from '../rpc/index.ts';

export type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

export class Http2Reply implements UnaryReply {
  readonly body: Uint8Array;
  readonly #headers: ResponseHeaders;

  constructor(headers: ResponseHeaders, chunks: readonly Uint8Array[]) {
    this.#headers = headers;
    const [first] = chunks;
    // One chunk is nearly every answer, and needs no copy.
    this.body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
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
