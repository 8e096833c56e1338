// As it comes: a contract in zod, which reads every message on both sides, over http2Transport to serve.
import { CancellationSource, type CancellationToken } from 'nevermind/core';
import { service, type Transport, unary } from 'nevermind/rpc';
import { createClient, fetchTransport, type Client as RpcClient } from 'nevermind/rpc/client';
import { http2Transport } from 'nevermind/rpc/node';
import { createHandler, implement } from 'nevermind/rpc/server';
import { type ServeOptions, serve } from 'nevermind/server';
import { z } from 'zod';
import { type Client, DEADLINE_MS, greeting, type Manner, type Peer, quiet } from './peer.ts';

const Greeter = service('bench.v1.Greeter', {
  greet: unary({ input: z.object({ name: z.string() }), output: z.object({ message: z.string() }) }),
  wait: unary({ input: z.object({ id: z.number() }), output: z.object({}) }),
});

/** @param transportTo what carries calls to a port */
export function over(transportTo: (port: number) => Transport, options: ServeOptions): Peer {
  return {
    async serve(told, next, { signal }) {
      const behind = next === undefined ? undefined : clientOf(transportTo(next));
      const handler = createHandler([
        implement(Greeter, {
          greet: ({ name }) => behind?.greet({ name }) ?? { message: greeting(name) },
          wait({ id }, { token }) {
            if (signal) token.signal.addEventListener('abort', () => {});
            return behind === undefined ? until(token, id) : behind.wait({ id });
          },
        }),
      ]);
      const until = (token: CancellationToken, id: number): Promise<never> =>
        new Promise((_, reject) => {
          token.onCancel((error) => {
            told.stopped(id);
            reject(error);
          });
          told.entered(id);
        });
      return Number((await serve(handler, options)).url.port);
    },
    connect: (port, manner) => connect(transportTo(port), manner),
  };
}

const clientOf = (transport: Transport): RpcClient<(typeof Greeter)['methods']> => createClient(Greeter, { transport });

function connect(transport: Transport, { deadline }: Manner): Client {
  const client = clientOf(transport);
  return {
    greet: async (name) => (await client.greet({ name })).message,
    wait(id) {
      const source = new CancellationSource(deadline ? { timeout: DEADLINE_MS } : {});
      return { cancel: () => source.cancel(), over: quiet(client.wait({ id }, { token: source.token })) };
    },
    close: () => transport.close?.(),
  };
}

export const peer: Peer = over((port) => http2Transport({ baseUrl: `http://127.0.0.1:${port}` }), {});

export const overFetch: Peer = over((port) => fetchTransport({ baseUrl: `http://127.0.0.1:${port}` }), {
  http2: false,
});
