// The global fetch over HTTP/1.1 to node:http, a controller at every hop wired by hand.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { greeting, type Peer, quiet } from './peer.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

type Ask = (path: string, message: object, signal?: AbortSignal) => Promise<{ message: string }>;

const askAt =
  (port: number): Ask =>
  async (path, message, signal) => {
    const init = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(message) };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, signal === undefined ? init : { ...init, signal });
    return (await response.json()) as { message: string };
  };

function read(request: IncomingMessage): Promise<{ name: string; id: number }> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => resolve(JSON.parse(String(Buffer.concat(chunks)))));
  });
}

function respond(response: ServerResponse, message: string): void {
  const body = JSON.stringify({ message });
  response.writeHead(200, { ...JSON_TYPE, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

export const peer: Peer = {
  async serve(told, next) {
    const behind = next === undefined ? undefined : askAt(next);
    const server = http.createServer(async (request, response) => {
      const { name, id } = await read(request);
      if (request.url === '/greet') {
        return respond(response, behind === undefined ? greeting(name) : (await behind('/greet', { name })).message);
      }
      const controller = new AbortController();
      response.on('close', () => response.writableEnded || controller.abort());
      if (behind !== undefined) return void quiet(behind('/wait', { id }, controller.signal));
      controller.signal.addEventListener('abort', () => told.stopped(id));
      told.entered(id);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve));
    return (server.address() as AddressInfo).port;
  },
  connect(port) {
    const ask = askAt(port);
    return {
      greet: async (name) => (await ask('/greet', { name })).message,
      wait(id) {
        const controller = new AbortController();
        return { cancel: () => controller.abort(), over: quiet(ask('/wait', { id }, controller.signal)) };
      },
      close() {},
    };
  },
};
