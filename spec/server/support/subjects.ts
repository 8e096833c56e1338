// Servers whose handlers do nothing by themselves: each request is handed to the spec, which answers it or lets it hang.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { text } from 'node:stream/consumers';
import type { CancellationToken } from '../../../lib/core/index.ts';
import { type ServeOptions, serve, tokenOf } from '../../../lib/server/index.ts';
import { type Exchange, exchangeHandler } from '../../../lib/wire/index.ts';
import { certificate } from './certificate.ts';
import { gate, Inbox } from './gate.ts';
import type { Protocol } from './peers.ts';

/** One request, as its handler has it. */
export interface Seen {
  readonly path: string;
  readonly token: CancellationToken;
  /** Rejects when the body breaks off. */
  readBody(): Promise<string>;
  answer(body: string): void;
  /** Starts a response that goes on. */
  begin(text: string): void;
  end(text: string): void;
}

export interface Subject {
  readonly port: number;
  readonly seen: Pick<Inbox<Seen>, 'take' | 'size'>;
  /** Resolves once every exchange and every connection is over by itself. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

export const SUBJECTS = {
  'serve, web handler': startWeb,
  'serve, exchange handler': startDirect,
  'tokenOf on a server of its own': startBare,
} as const;

export async function startWeb(protocol: Protocol, options: ServeOptions = {}): Promise<Subject> {
  const seen = new Inbox<Seen>();
  return served(protocol, options, seen, (request, { token }) => {
    const response = gate<Response>();
    let controller: ReadableStreamDefaultController<Uint8Array>;
    seen.put({
      path: new URL(request.url).pathname,
      token,
      readBody: () => request.text(),
      answer: (body) => response.open(new Response(body)),
      begin(text) {
        response.open(
          new Response(
            new ReadableStream({
              start(made) {
                controller = made;
              },
            }),
          ),
        );
        controller.enqueue(new TextEncoder().encode(text));
      },
      end(text) {
        controller.enqueue(new TextEncoder().encode(text));
        controller.close();
      },
    });
    return response.opened;
  });
}

export async function startDirect(protocol: Protocol, options: ServeOptions = {}): Promise<Subject> {
  const seen = new Inbox<Seen>();
  const direct = (exchange: Exchange) => {
    const answered = gate();
    exchange.token.onCancel(({ reason }) => reason === 'TIMEOUT' || answered.open());
    seen.put({
      path: exchange.target,
      token: exchange.token,
      readBody: async () => new TextDecoder().decode(await exchange.body(1 << 20)),
      answer(body) {
        exchange.respond(200, {}, body);
        answered.open();
      },
      begin: unavailable,
      end: unavailable,
    });
    return answered.opened;
  };
  return served(
    protocol,
    options,
    seen,
    Object.assign(() => new Response(), { [exchangeHandler]: direct }),
  );
}

async function served(
  protocol: Protocol,
  options: ServeOptions,
  seen: Inbox<Seen>,
  handler: Parameters<typeof serve>[0],
): Promise<Subject> {
  const server = await serve(handler, { ...options, tls: protocol === 'h2 over TLS' ? certificate() : undefined });
  return { port: Number(server.url.port), seen, settled: async () => void (await server.drain()), close: server.close };
}

async function startBare(protocol: Protocol): Promise<Subject> {
  const seen = new Inbox<Seen>();
  const listener = (req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse) => {
    res.on('error', () => {});
    seen.put({
      path: req.url as string,
      token: tokenOf(req, res),
      readBody: () => text(req),
      answer: (body) => void (res as ServerResponse).end(body),
      begin: (text) => void (res as ServerResponse).write(text),
      end: (text) => void (res as ServerResponse).end(text),
    });
  };
  const server: NetServer =
    protocol === 'HTTP/1.1'
      ? http.createServer(listener)
      : protocol === 'h2c'
        ? http2.createServer(listener)
        : http2.createSecureServer(certificate(), listener);
  const connections = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => {
    connections.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => connections.delete(socket));
  });
  server.on('sessionError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const closed = new Promise<void>((resolve) => server.once('close', resolve));
  const settled = async () => {
    server.close();
    await closed;
  };
  const close = async () => {
    server.close();
    for (const connection of connections) connection.destroy();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, seen, settled, close };
}

function unavailable(): never {
  throw new Error('An exchange answers at one go.');
}
