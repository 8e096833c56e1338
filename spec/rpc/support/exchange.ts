import { CancellationSource, type CancellationToken } from '../../../lib/core/index.ts';
import type { RpcHandler } from '../../../lib/rpc/server.ts';
import { type Exchange, exchangeHandler } from '../../../lib/wire/index.ts';
import { GREET } from './greeter.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly json: { code?: string; message?: string } & Record<string, unknown>;
}

/** One exchange as a server of ours would hand it over, and what was answered. */
export class TestExchange implements Exchange {
  readonly method = 'POST';
  readonly target = GREET;
  readonly source = new CancellationSource();
  readonly answers: Answer[] = [];
  readonly #headers: Record<string, string>;
  readonly #body: () => Promise<Uint8Array>;

  constructor(headers: Record<string, string> = {}, body?: () => Promise<Uint8Array>) {
    this.#headers = { 'content-type': 'application/json', ...headers };
    this.#body = body ?? (() => Promise.resolve(new TextEncoder().encode('{"name":"Ada"}')));
  }

  get token(): CancellationToken {
    return this.source.token;
  }

  header(name: string): string | undefined {
    return this.#headers[name];
  }

  headers(): Iterable<[string, string]> {
    return Object.entries(this.#headers);
  }

  body(): Promise<Uint8Array> {
    return this.#body();
  }

  async *chunks(): AsyncGenerator<Uint8Array, undefined> {
    yield await this.#body();
    return undefined;
  }

  stream(): undefined {
    return undefined;
  }

  respond(status: number, headers: Record<string, string>, body?: string): void {
    this.answers.push({ status, headers, json: JSON.parse(body ?? 'null') });
  }

  /** Hands itself over; resolves when the work has ended. */
  into(handler: RpcHandler): Promise<void> {
    return handler[exchangeHandler](this);
  }
}
