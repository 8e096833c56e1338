import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { type Desk, greet, HOLD, portOf, type Start } from '../site.ts';

export const start: Start = (protocol, desk) =>
  portOf(
    protocol === 'http1'
      ? http.createServer((req, res) => onRequest(req, res, desk))
      : http2.createServer().on('stream', (stream, headers) => onStream(stream, headers, desk)),
  );

export function onRequest(req: IncomingMessage, res: ServerResponse, desk: Desk): void {
  if (req.method === 'POST') whole(req, (text) => answer(res, JSON.parse(text).name));
  else if (req.url !== HOLD) answer(res, 'Ada');
  else {
    res.on('close', () => res.writableEnded || desk.left());
    desk.held();
  }
}

function answer(res: ServerResponse, name: string): void {
  const text = JSON.stringify(greet(name));
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

/** On the stream API: the one that is like node:http costs more. */
function onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, desk: Desk): void {
  stream.on('error', ignore);
  if (headers[':method'] === 'POST') whole(stream, (text) => respond(stream, JSON.parse(text).name));
  else if (headers[':path'] !== HOLD) respond(stream, 'Ada');
  else {
    stream.on('aborted', () => desk.left());
    desk.held();
  }
}

function respond(stream: ServerHttp2Stream, name: string): void {
  const text = JSON.stringify(greet(name));
  stream.respond({ ':status': 200, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  stream.end(text);
}

function whole(incoming: IncomingMessage | ServerHttp2Stream, use: (text: string) => void): void {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk) => chunks.push(chunk));
  incoming.on('end', () => use(String(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))));
}

function ignore(): void {}
