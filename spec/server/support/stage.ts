// Servers of others, each with its own way to say that a client has left; all on plain node:http and node:http2, so that what
// they say can be held against what happened.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Inbox } from './gate.ts';
import type { Protocol } from './peers.ts';

/** One request, as its handler has it. */
export interface Witness {
  /** What the handler has been told of a cancel, in words; undefined: nothing. */
  readonly heard: string | undefined;
  /** How the exchange ended for Node, whatever the handler was told. */
  readonly over: Promise<unknown>;
  readBody?(): Promise<unknown>;
  answer(): void;
  begin?(): void;
  end?(): void;
}

export interface Stage {
  readonly port: number;
  readonly witnesses: Inbox<Witness>;
  /** Resolves when every connection is gone by itself. */
  gone(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** What a handler does with a request: all but `over`, which this file knows. */
export type Tell = (witness: Omit<Witness, 'over'>, req?: object) => void;

export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

/** A server of Node around a listener. */
export async function stage(protocol: Protocol, make: (tell: Tell) => Listener | Promise<Listener>): Promise<Stage> {
  const witnesses = new Inbox<Witness>();
  const closes: Promise<unknown>[] = [];
  const listener = await make((witness) => {
    const over = closes.shift() as Promise<unknown>;
    // The descriptors, as `heard` changes.
    witnesses.put(Object.defineProperties({ over }, Object.getOwnPropertyDescriptors(witness)) as Witness);
  });
  const server = protocol === 'HTTP/1.1' ? http.createServer() : http2.createServer();
  server.on('request', (req: IncomingMessage, res: ServerResponse) => {
    closes.push(new Promise((resolve) => res.once('close', resolve)));
    res.on('error', () => {});
    listener(req, res);
  });
  const connections = new Map<{ destroy(): void }, Promise<unknown>>();
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    connections.set(socket, new Promise((resolve) => socket.once('close', resolve)));
  });
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    witnesses,
    gone: () => Promise.all(connections.values()),
    close() {
      for (const connection of connections.keys()) connection.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Some turns of the event loop, for those who say it late. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

/** What a signal says of its reason. */
export function wordsOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason);
  return `${reason.name}: ${reason.message}`;
}
