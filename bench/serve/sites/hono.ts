import http2 from 'node:http2';
import { createAdaptorServer } from '@hono/node-server';
import { greet, HOLD, holding, portOf, type Start } from '../site.ts';

export const start: Start = (protocol, desk) => {
  const fetch = async (request: Request) => {
    if (request.method === 'POST') return Response.json(greet((await request.json()).name));
    return request.url.endsWith(HOLD) ? holding(request.signal, desk) : Response.json(greet('Ada'));
  };
  // It has put a Response of its own in the place of the platform's.
  return portOf(createAdaptorServer(protocol === 'h2c' ? { fetch, createServer: http2.createServer } : { fetch }));
};
