// node:http2 with nothing on top: what the platform needs for the same. The server by the stream API, each body in one piece.
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { DEADLINE_MS, greeting, type Peer, type Waiting } from './peer.ts';

/** Of one session that may be held or reset: node:http2 has memory for so many, and ends a session after 1,000 resets. */
const STREAMS = 400;

export const JSON_TYPE = 'application/json';

/** Does `stop` once the peer of a stream is gone. */
export type Watch = (stream: ServerHttp2Stream, stop: () => void) => void;

/** One listener, and the frame goes out. */
const directly: Watch = (stream, stop) => {
  stream.on('aborted', stop);
};

export function session(port: number): ClientHttp2Session {
  return http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
}

/** Sessions for calls that are held and reset, a fresh one for every {@link STREAMS} of them. */
function sessions(port: number): { next(): ClientHttp2Session; close(): void } {
  const all: ClientHttp2Session[] = [];
  let used = STREAMS;
  return {
    next() {
      if (used++ === STREAMS) {
        all.push(session(port));
        used = 1;
      }
      return all.at(-1) as ClientHttp2Session;
    },
    close() {
      for (const one of all) one.destroy();
    },
  };
}

export function request(session: ClientHttp2Session, path: string, message: object): ClientHttp2Stream {
  const body = JSON.stringify(message);
  const headers = { ':method': 'POST', ':path': path, 'content-type': JSON_TYPE, 'content-length': body.length };
  const stream = session.request(headers).on('error', () => {});
  stream.end(body);
  return stream;
}

export function answerOf(stream: ClientHttp2Stream): Promise<{ message: string }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(JSON.parse(String(Buffer.concat(chunks)))));
    stream.on('close', () => reject(new Error(`reset with ${stream.rstCode}`)));
  });
}

export function waitOn(session: ClientHttp2Session, id: number): Waiting {
  const stream = request(session, '/wait', { id });
  return { cancel: () => stream.close(8), over: new Promise((resolve) => stream.on('close', resolve)) };
}

/** Reads a message and hands it on. */
export function onMessage(stream: ServerHttp2Stream, take: (message: { name: string; id: number }) => void): void {
  const chunks: Buffer[] = [];
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => take(JSON.parse(String(Buffer.concat(chunks)))));
}

export function respond(stream: ServerHttp2Stream, message: string): void {
  const body = JSON.stringify({ message });
  stream.respond({ ':status': 200, 'content-type': JSON_TYPE, 'content-length': body.length });
  stream.end(body);
}

/** A server of node:http2; a handler for each of its two methods. */
export async function listen(methods: Record<string, (stream: ServerHttp2Stream) => void>): Promise<number> {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => methods[headers[':path'] ?? '']?.(stream));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

export function bare(watch: Watch): Peer {
  return {
    serve(told, next) {
      const behind = next === undefined ? undefined : session(next);
      const waiting = next === undefined ? undefined : sessions(next);
      return listen({
        '/greet': (stream) =>
          onMessage(stream, ({ name }) => {
            if (behind === undefined) respond(stream, greeting(name));
            else void answerOf(request(behind, '/greet', { name })).then(({ message }) => respond(stream, message));
          }),
        '/wait': (stream) =>
          onMessage(stream, ({ id }) => {
            if (waiting !== undefined) return watch(stream, waitOn(waiting.next(), id).cancel);
            watch(stream, () => told.stopped(id));
            told.entered(id);
          }),
      });
    },
    connect(port, { deadline }) {
      const behind = session(port);
      const held = sessions(port);
      return {
        greet: async (name) => (await answerOf(request(behind, '/greet', { name }))).message,
        wait(id) {
          const waiting = waitOn(held.next(), id);
          const timer = deadline ? setTimeout(waiting.cancel, DEADLINE_MS) : undefined;
          void waiting.over.then(() => clearTimeout(timer));
          return waiting;
        },
        close: () => {
          behind.destroy();
          held.close();
        },
      };
    },
  };
}

export const peer: Peer = bare(directly);
