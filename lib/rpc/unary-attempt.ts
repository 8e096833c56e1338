import type { CancellationToken } from '../core/index.ts';
import { JSON_TYPE } from '../wire/index.ts';
import { Attempt } from './attempt.ts';
import type { Callee } from './callee.ts';
import { gzip } from './gzip.ts';
import { orStopped } from './or-stopped.ts';
import { messageOf } from './reply.ts';
import { read } from './schema.ts';
import type { UnaryCall } from './transport.ts';

/** Servers and proxies take this much of a request line. */
const LONGEST_PATH = 8_000;

/** One request, one response, both bare JSON. */
export class UnaryAttempt extends Attempt implements UnaryCall {
  readonly path: string;
  body: string | Uint8Array | undefined;
  readonly #callee: Callee;

  /** @param json the request */
  constructor(callee: Callee, json: string, token: CancellationToken, headers: Record<string, string>) {
    super(token, headers);
    this.#callee = callee;
    const query = callee.get ? `${callee.path}?connect=v1&encoding=json&message=${encodeURIComponent(json)}` : '';
    const byGet = query !== '' && query.length <= LONGEST_PATH;
    this.path = byGet ? query : callee.path;
    this.body = byGet ? undefined : json;
  }

  /** Settles once: with the response as its schema reads it, or with an RpcError. */
  async run(): Promise<unknown> {
    try {
      this.token.throwIfCancelled();
      const { compressMinBytes, method, transport } = this.#callee;
      if (typeof this.body === 'string' && this.body.length >= compressMinBytes) await this.#pack(this.body);
      const response = read(method.output, messageOf(await transport.unary(this)), 'response');
      return response instanceof Promise ? await orStopped(this.token, response) : response;
    } catch (error) {
      throw this.explain(error);
    }
  }

  protected describe(headers: Record<string, string>): void {
    if (this.body === undefined) return;
    headers['content-type'] = JSON_TYPE;
    if (typeof this.body !== 'string') headers['content-encoding'] = 'gzip';
  }

  async #pack(json: string): Promise<void> {
    this.body = await gzip(new TextEncoder().encode(json));
    this.token.throwIfCancelled();
  }
}
