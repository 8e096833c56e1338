// A stand-in for a provider of language models: it runs on this machine, knows no language, and makes the tokens "w1", "w2", … up.
// What it has of the real ones is how they stream: the same events, over the same HTTP, to the real SDKs; that it makes tokens
// whether or not they are read; and that it makes them until the answer is whole or its client has gone. It counts them.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Inbox } from '../../server/support/gate.ts';

export interface ProviderOptions {
  /** How long an answer is, in tokens. */
  readonly tokens: number;
  /** What a token takes to make; default one turn of the event loop. */
  readonly beat?: () => Promise<unknown>;
  /** Answers 429 with this `retry-after`, in seconds. */
  readonly busyFor?: number;
  /** Says nothing at all. */
  readonly silent?: boolean;
}

/** One answer in the making. */
export interface Answer {
  /** How many tokens were made so far: what the user of a real provider pays for. */
  readonly made: number;
  readonly end: Promise<'whole' | 'client left'>;
}

export class LocalProvider implements AsyncDisposable {
  readonly url: string;
  /** One for each answer that was begun, in order. */
  readonly answers: Inbox<Answer> = new Inbox<Answer>();
  requests = 0;
  readonly #server: http.Server;

  private constructor(server: http.Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(options: ProviderOptions): Promise<LocalProvider> {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const provider = new LocalProvider(server);
    server.on('request', (req, res) => {
      provider.requests++;
      if (options.busyFor !== undefined) res.writeHead(429, { 'retry-after': String(options.busyFor) }).end('{}');
      else if (!options.silent) provider.#answer(req, res, options);
    });
    return provider;
  }

  #answer(req: IncomingMessage, res: ServerResponse, { tokens, beat = turn }: ProviderOptions): void {
    req.resume();
    res.on('error', () => {});
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const dialect = req.url?.endsWith('/messages') ? anthropic : openai;
    const state = { made: 0 };
    const end = (async () => {
      res.write(dialect.begin);
      while (state.made < tokens && !res.destroyed) {
        res.write(dialect.token(`w${++state.made} `));
        await beat();
      }
      if (res.destroyed) return 'client left';
      res.end(dialect.end(state.made));
      return 'whole';
    })();
    this.answers.put(
      Object.defineProperty({ end } as Answer, 'made', {
        get: () => state.made,
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Dialect {
  readonly begin: string;
  token(text: string): string;
  end(made: number): string;
}

/** Chat completions, streamed: https://platform.openai.com/docs/api-reference/chat-streaming */
const openai: Dialect = {
  begin: chunk({ role: 'assistant', content: '' }),
  token: (content) => chunk({ content }),
  end: () => `${chunk({}, 'stop')}data: [DONE]\n\n`,
};

function chunk(delta: object, finish_reason: string | null = null): string {
  const choices = [{ index: 0, delta, finish_reason }];
  return event({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 0, model: 'made-up', choices });
}

/** Messages, streamed: https://docs.anthropic.com/en/docs/build-with-claude/streaming */
const anthropic: Dialect = {
  begin:
    typed('message_start', {
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'made-up',
        content: [],
        stop_reason: null,
        usage: { input_tokens: 1, output_tokens: 0 },
      },
    }) + typed('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  token: (text) => typed('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }),
  end: (output_tokens) =>
    typed('content_block_stop', { index: 0 }) +
    typed('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens } }) +
    typed('message_stop', {}),
};

function typed(type: string, rest: object): string {
  return `event: ${type}\n${event({ type, ...rest })}`;
}

function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
