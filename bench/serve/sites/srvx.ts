import http from 'node:http';
import http2 from 'node:http2';
import { FastResponse, toNodeHandler } from 'srvx/node';
import { greet, HOLD, holding, portOf, type Start } from '../site.ts';

export const start: Start = (protocol, desk) => {
  const listener = toNodeHandler(async (request: Request) => {
    if (request.method === 'POST') return FastResponse.json(greet((await request.json()).name));
    return request.url.endsWith(HOLD) ? holding(request.signal, desk) : FastResponse.json(greet('Ada'));
  });
  return portOf(
    protocol === 'h2c' ? http2.createServer(listener as never) : http.createServer(listener as http.RequestListener),
  );
};
