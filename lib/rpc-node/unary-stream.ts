import { kMaxLength } from 'node:buffer';
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { RpcError, type UnaryCall, type UnaryReply } from '../rpc/index.ts';
import { CallStream, type Line } from './call-stream.ts';
import { Http2Reply, type ResponseHeaders } from './reply.ts';

const unzip = promisify(gunzip);

/** One unary call. */
export class UnaryStream extends CallStream {
  protected readonly repeatable = true;
  protected readonly patient = false;
  readonly #body: UnaryCall['body'];
  readonly #resolve: (reply: UnaryReply | Promise<UnaryReply>) => void;
  readonly #reject: (error: unknown) => void;
  #headers: ResponseHeaders | undefined;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(
    line: Line,
    call: UnaryCall,
    resolve: (reply: UnaryReply | Promise<UnaryReply>) => void,
    reject: (error: unknown) => void,
  ) {
    super(line, call);
    this.#body = call.body;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  protected open(headers: OutgoingHttpHeaders): 'GET' | 'POST' {
    headers['accept-encoding'] = 'gzip';
    if (this.#body === undefined) return 'GET';
    headers['content-length'] = String(Buffer.byteLength(this.#body));
    return 'POST';
  }

  protected send(stream: ClientHttp2Stream): void {
    if (this.#body !== undefined) stream.end(this.#body);
  }

  protected responded(headers: ResponseHeaders): void {
    this.#headers = headers;
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding === 'identity' || encoding === 'gzip') return;
    this.giveUp(() => new RpcError('internal', `Expected an answer in gzip or without encoding, got \`${encoding}\`.`));
  }

  protected received(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#size > this.line.maxBodyBytes) this.giveUp(() => this.#tooLarge());
  }

  protected ended(): void {
    const headers = this.#headers;
    if (headers === undefined) return;
    const [first] = this.#chunks;
    // One chunk is nearly every answer, and needs no copy.
    const body = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    const packed = headers['content-encoding'] === 'gzip' && body.length > 0;
    this.settle(() => this.#resolve(packed ? this.#unpacked(headers, body) : new Http2Reply(headers, body)));
  }

  protected failed(error: unknown): void {
    this.#reject(error);
  }

  async #unpacked(headers: ResponseHeaders, body: Uint8Array): Promise<UnaryReply> {
    try {
      // Node refuses a limit over what a buffer can hold.
      const maxOutputLength = Math.min(this.line.maxBodyBytes, kMaxLength);
      return new Http2Reply(headers, await unzip(body, { maxOutputLength }));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw this.#tooLarge();
      throw new RpcError('internal', 'Expected the answer to be gzip.', { cause });
    }
  }

  #tooLarge(): RpcError {
    return new RpcError('resource_exhausted', `Expected an answer of at most ${this.line.maxBodyBytes} bytes.`);
  }
}
