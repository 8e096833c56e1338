import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import type { DrainReport, ReceptionDrainOptions, ReceptionOptions } from '../../../../lib/server/index.ts';
import { certificate } from '../../../server/support/certificate.ts';
import { Inbox } from '../../../server/support/gate.ts';
import type { Protocol } from '../../../server/support/peers.ts';
import type { Subject } from '../../../server/support/subjects.ts';
import type { Framework, Held } from './framework.ts';

/** A framework's application on a server of Node. */
export interface Serving extends Subject {
  readonly seen: Inbox<Held>;
  /** Drains, and closes the server along. */
  drain(options?: ReceptionDrainOptions): Promise<DrainReport>;
  /** For each request, in order: how it ended for Node, whatever its handler was told. */
  readonly overs: Pick<Inbox<{ readonly over: Promise<unknown> }>, 'take'>;
  /** The server's side of the connections that are there. */
  readonly connections: ReadonlySet<Socket>;
}

export async function serving(framework: Framework, protocol: Protocol, options?: ReceptionOptions): Promise<Serving> {
  const seen = new Inbox<Held>();
  const app = await framework.start((held) => seen.put(held), options);
  const server: NetServer =
    protocol === 'HTTP/1.1'
      ? http.createServer(app.listener)
      : protocol === 'h2c'
        ? http2.createServer(app.listener as never)
        : http2.createSecureServer(certificate(), app.listener as never);
  const overs = new Inbox<{ over: Promise<unknown> }>();
  server.prependListener('request', (_req, res) => {
    overs.put({ over: new Promise((resolve) => res.once('close', resolve)) });
  });
  const connections = new Set<Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => connections.delete(socket));
  });
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    overs,
    connections,
    drain: (how) => app.drain({ ...how, server }),
    async settled() {
      server.close();
      await closed;
    },
    async close() {
      server.close();
      for (const connection of connections) connection.destroy();
      await closed;
      // Handlers that a spec has left waiting.
      await app.drain(0);
      await app.close?.();
    },
  };
}
