import { getEventListeners } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, type CancellationToken, reasonOf, snapshot } from '../../lib/core/index.ts';
import { createFetch } from '../../lib/fetch/index.ts';
import { serve, tokenOf, type WebHandler } from '../../lib/server/index.ts';
import { eventStream, type ServerSentEvent } from '../../lib/sse.ts';
import { iterate } from '../../lib/task/index.ts';
import { certificate } from '../server/support/certificate.ts';
import { connect, PROTOCOLS, type Protocol } from '../server/support/peers.ts';
import { scale } from '../support/soak.ts';
import { LocalProvider, type ProviderOptions } from './support/local-provider.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** More than the tab waits for by far. */
const TOKENS = 2_000;

async function provided(options: ProviderOptions = { tokens: TOKENS }) {
  const provider = await LocalProvider.start(options);
  ends.push(() => provider[Symbol.asyncDispose]());
  const openai = new OpenAI({ baseURL: `${provider.url}/v1`, apiKey: 'none' });
  const anthropic = new Anthropic({ baseURL: provider.url, apiKey: 'none' });
  return { provider, openai, anthropic };
}
type Provided = Awaited<ReturnType<typeof provided>>;

const question = { model: 'made-up', messages: [{ role: 'user' as const, content: 'What is it?' }] };

/** The words of an answer, by each SDK, as the guide shows it: one line more than without. */
const words = {
  openai: async function* ({ openai }: Provided, token: CancellationToken): AsyncGenerator<string> {
    const answer = iterate(
      ({ signal }) => openai.chat.completions.create({ ...question, stream: true }, { signal }),
      token,
    );
    for await (const { choices } of answer) yield choices[0]?.delta.content ?? '';
  },
  anthropic: async function* ({ anthropic }: Provided, token: CancellationToken): AsyncGenerator<string> {
    const answer = iterate(
      ({ signal }) => anthropic.messages.create({ ...question, max_tokens: TOKENS, stream: true }, { signal }),
      token,
    );
    for await (const event of answer) {
      if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield event.delta.text;
    }
  },
};

/** How a service hands an answer on, each a handler of ours. */
const services: Record<string, (provided: Provided) => WebHandler> = {
  'the body of fetch, handed on as it is': ({ provider }) => {
    const fetch = createFetch();
    return async () => {
      const { body, headers } = await fetch(`${provider.url}/v1/chat/completions`, { method: 'POST' });
      return new Response(body, { headers });
    };
  },
  'the SDK of openai': (made) => () =>
    eventStream(async function* (token): AsyncGenerator<ServerSentEvent> {
      for await (const data of words.openai(made, token)) yield { data };
    }),
  'the SDK of anthropic': (made) => () =>
    eventStream(async function* (token): AsyncGenerator<ServerSentEvent> {
      for await (const data of words.anthropic(made, token)) yield { data };
    }),
};

describe.each(Object.entries(services))('%s', (_, service) => {
  async function served(protocol: Protocol, handler: WebHandler) {
    const server = await serve(handler, {
      tls: protocol === 'h2 over TLS' ? certificate() : undefined,
      handlerTimeoutMs: 0,
      requestTimeoutMs: 0,
    });
    ends.push(server.close);
    const tab = await connect(protocol, Number(server.url.port));
    ends.push(() => tab.leave());
    return { server, tab };
  }

  it.each(PROTOCOLS)('stops the provider when the tab closes, over %s', async (protocol) => {
    const made = await provided();
    const { tab } = await served(protocol, service(made));
    await tab.ask().until('w5');
    tab.drop();
    const answer = await made.provider.answers.take();
    expect(await answer.end).toBe('client left');
    expect(answer.made).toBeLessThan(TOKENS);
  });

  it('brings a whole answer whole', async () => {
    const made = await provided({ tokens: 50 });
    const { tab } = await served('h2c', service(made));
    const text = await tab.ask().over;
    expect(text.match(/w\d+/g)).toHaveLength(50);
    expect(await (await made.provider.answers.take()).end).toBe('whole');
  });
});

describe('what is saved', () => {
  /** An Express-like service, as it is written everywhere. */
  async function existing(made: Provided, write: (req: IncomingMessage, res: ServerResponse) => Promise<void>) {
    const server = http.createServer((req, res) => {
      res.on('error', () => {});
      write(req, res).then(
        () => res.end(),
        () => res.destroy(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => server.close());
    const tab = await connect('HTTP/1.1', (server.address() as AddressInfo).port);
    await tab.ask().until('w5');
    tab.leave();
    const answer = await made.provider.answers.take();
    const end = await answer.end;
    return { end, made: answer.made };
  }

  it('without a token the provider makes every token for a tab that has closed; with one it stops at once', async () => {
    const bare = await provided();
    const without = await existing(bare, async (_, res) => {
      const answer = await bare.openai.chat.completions.create({ ...question, stream: true });
      for await (const { choices } of answer) res.write(choices[0]?.delta.content ?? '');
    });
    const tokened = await provided();
    const withToken = await existing(tokened, async (req, res) => {
      for await (const word of words.openai(tokened, tokenOf(req, res))) res.write(word);
    });
    expect(without).toEqual({ end: 'whole', made: TOKENS });
    expect(withToken.end).toBe('client left');
    expect(withToken.made).toBeLessThan(TOKENS / 2);
  });
});

describe.each(['openai', 'anthropic'] as const)('the SDK of %s', (name) => {
  /** As its documentation says, with a signal. */
  const plain = async ({ openai, anthropic }: Provided, signal: AbortSignal): Promise<AsyncIterable<unknown>> =>
    name === 'openai'
      ? openai.chat.completions.create({ ...question, stream: true }, { signal })
      : anthropic.messages.create({ ...question, max_tokens: 9, stream: true }, { signal });

  it('alone takes an answer that was cut by a deadline for whole; under a token it does not', async () => {
    const alone = await provided();
    const source = new CancellationSource();
    let got = 0;
    for await (const _ of await plain(alone, source.token.signal)) if (++got === 9) source.cancel('TIMEOUT');
    // No error: the loop has simply ended.
    expect(got).toBeLessThan(TOKENS);
    expect(await (await alone.provider.answers.take()).end).toBe('client left');

    const made = await provided();
    const own = new CancellationSource();
    const reading = (async () => {
      let count = 0;
      for await (const _ of words[name](made, own.token)) if (++count === 5) own.cancel('TIMEOUT');
    })();
    expect(await reading.catch((error: unknown) => error)).toBe(own.token.error);
    expect(await (await made.provider.answers.take()).end).toBe('client left');
  });

  it('alone has lost the reason by the time it throws; under a token it comes through', async () => {
    const made = await provided({ tokens: 0, silent: true });
    const source = new CancellationSource();
    const alone = plain(made, source.token.signal).catch((error: unknown) => error);
    const under = words[name](made, source.token)
      .next()
      .catch((error: unknown) => error);
    while (made.provider.requests < 2) await new Promise(setImmediate);
    source.cancel('TIMEOUT');
    const error = await alone;
    expect([(error as Error).constructor.name, reasonOf(error)]).toEqual(['APIUserAbortError', undefined]);
    expect(await under).toBe(source.token.error);
  });

  it('under a token does not keep its caller in a pause between two tries', async () => {
    const made = await provided({ tokens: 1, busyFor: 3_600 });
    const source = new CancellationSource();
    const next = words[name](made, source.token)
      .next()
      .catch((error: unknown) => error);
    while (made.provider.requests === 0) await new Promise(setImmediate);
    source.cancel('PEER_CLOSED');
    expect(await next).toBe(source.token.error);
  });

  it('leaving the loop stops the provider', async () => {
    const made = await provided();
    const source = new CancellationSource();
    for await (const _ of words[name](made, source.token)) break;
    expect(await (await made.provider.answers.take()).end).toBe('client left');
    expect([source.token.cancelled, snapshot(source.token).callbacks]).toEqual([false, 0]);
  });

  it('T-10: leaves nothing on the token after many answers, none of which was cancelled', async () => {
    const made = await provided({ tokens: 3 });
    const { token } = new CancellationSource();
    const { signal } = token;
    for (let i = 0; i < 100 * scale; i++) {
      let text = '';
      for await (const word of words[name](made, token)) text += word;
      if (text !== 'w1 w2 w3 ') expect.fail(`answer ${i} was ${text}`);
      await (await made.provider.answers.take()).end;
    }
    expect([snapshot(token).callbacks, snapshot(token).children, getEventListeners(signal, 'abort')]).toEqual([
      0,
      [],
      [],
    ]);
  }, 120_000);
});
