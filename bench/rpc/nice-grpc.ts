import { type CallContext, createChannel, createClient, createServer } from 'nice-grpc';
import { definition } from './grpc-definition.ts';
import { greeting, type Peer, quiet } from './peer.ts';

interface Calls {
  greet(request: { name: string }, options?: { signal?: AbortSignal }): Promise<{ message: string }>;
  wait(request: { id: number }, options?: { signal?: AbortSignal }): Promise<object>;
}

function clientOf(port: number): { client: Calls; close(): void } {
  const channel = createChannel(`127.0.0.1:${port}`);
  return { client: createClient(definition, channel) as unknown as Calls, close: () => channel.close() };
}

export const peer: Peer = {
  serve(told, next) {
    const behind = next === undefined ? undefined : clientOf(next).client;
    const server = createServer();
    server.add(definition, {
      greet: async ({ name }: { name: string }, { signal }: CallContext) =>
        behind === undefined ? { message: greeting(name) } : behind.greet({ name }, { signal }),
      wait: ({ id }: { id: number }, { signal }: CallContext): Promise<object> => {
        if (behind !== undefined) return behind.wait({ id }, { signal });
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            told.stopped(id);
            reject(signal.reason);
          });
          told.entered(id);
        });
      },
    });
    return server.listen('127.0.0.1:0');
  },
  connect(port) {
    const { client, close } = clientOf(port);
    return {
      greet: async (name) => (await client.greet({ name })).message,
      wait(id) {
        const controller = new AbortController();
        const over = quiet(client.wait({ id }, { signal: controller.signal }));
        return { cancel: () => controller.abort(), over };
      },
      close,
    };
  },
};
