import { createChannel, createClient, createServer } from 'nice-grpc';
import { type Calls, clientOf, handlers } from './by-signal.ts';
import { definition } from './grpc-definition.ts';
import type { Peer } from './peer.ts';

function connected(port: number): { calls: Calls; close(): void } {
  const channel = createChannel(`127.0.0.1:${port}`);
  return { calls: createClient(definition, channel) as unknown as Calls, close: () => channel.close() };
}

export const peer: Peer = {
  serve(told, next) {
    const server = createServer();
    server.add(definition, handlers(told, next === undefined ? undefined : connected(next).calls) as never);
    return server.listen('127.0.0.1:0');
  },
  connect(port) {
    const { calls, close } = connected(port);
    return clientOf(calls, close);
  },
};
