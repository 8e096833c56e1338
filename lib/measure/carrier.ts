// How calls get from one hop to the next, by each of the transports that can be measured.
import type { SecureClientSessionOptions } from 'node:http2';
import type { CancellationToken } from '../core/index.ts';
import { createFetch } from '../fetch/index.ts';
import { createClient, fetchTransport } from '../rpc/client.ts';
import { RpcError } from '../rpc/index.ts';
import { http2Transport } from '../rpc-node/index.ts';
import type { ServeOptions } from '../server/index.ts';
import { Greeter, type Greeting, STREAM_PATH, UNARY_PATH } from './greeter.ts';

/**
 * `h2c`: the client over HTTP/2; `h2`: the same with TLS; `h1`: the client over fetch and HTTP/1.1; `fetch`: no client, web
 * handlers that call each other with `createFetch`, over HTTP/1.1.
 */
export type TransportName = 'h2c' | 'h2' | 'h1' | 'fetch';

export const transportNames: readonly TransportName[] = ['h2c', 'h2', 'h1', 'fetch'];

export interface Wire {
  readonly transport: TransportName;
  /** For TLS: made anew for each chain and shared by its processes, in place of a certificate that somebody would have to issue. */
  readonly key: string;
}

/** Calls the hop at an address. */
export interface Carrier {
  greet(greeting: Greeting, token: CancellationToken, headers: Record<string, string>): Promise<{ message: string }>;
  /** The answer as it comes; to leave it cancels. */
  greetings(
    greeting: Greeting,
    token: CancellationToken,
    headers: Record<string, string>,
  ): AsyncIterable<{ message: string }>;
}

export function carrierOf(url: string, wire: Wire): Carrier {
  if (wire.transport === 'fetch') return webCarrier(url);
  const session = wire.transport === 'h2' ? keyed(wire.key) : undefined;
  const transport =
    wire.transport === 'h1' ? fetchTransport({ baseUrl: url }) : http2Transport({ baseUrl: url, session });
  const client = createClient(Greeter, { transport });
  return {
    greet: (greeting, token, headers) => client.greet(greeting, { token, headers }),
    greetings: (greeting, token, headers) => client.greetings(greeting, { token, headers }),
  };
}

/** What a hop serves with, so that its carriers reach it. */
export function servingOf({ transport, key }: Wire): ServeOptions {
  if (transport === 'h2c') return {};
  if (transport !== 'h2') return { http2: false };
  return { tls: { ...CIPHER, pskCallback: () => Buffer.from(key, 'base64') } };
}

/** Node has pre-shared keys with TLS 1.2 only. */
const CIPHER = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const;

function keyed(key: string): SecureClientSessionOptions {
  return {
    ...CIPHER,
    pskCallback: () => ({ psk: Buffer.from(key, 'base64'), identity: 'hop' }),
    checkServerIdentity: () => undefined,
  };
}

function webCarrier(url: string): Carrier {
  const fetch = createFetch({ propagateDeadline: true });
  const send = async (path: string, greeting: Greeting, token: CancellationToken, headers: Record<string, string>) => {
    const response = await fetch(url + path, { method: 'POST', body: JSON.stringify(greeting), token, headers });
    if (!response.ok) throw new RpcError('unavailable', `The next hop has answered ${response.status}.`);
    return response;
  };
  return {
    greet: async (...call) => (await send(UNARY_PATH, ...call)).json() as Promise<{ message: string }>,
    async *greetings(...call) {
      const { body } = await send(STREAM_PATH, ...call);
      for await (const _ of body ?? []) yield { message: '' };
    },
  };
}
