import { serve } from 'nevermind/server';
import { greet, type Start } from '../site.ts';

export const start: Start = async (protocol) => {
  const server = await serve(
    async (request) =>
      request.method === 'POST' ? Response.json(greet((await request.json()).name)) : Response.json(greet('Ada')),
    protocol === 'h2c' ? {} : { http2: false },
  );
  return Number(server.url.port);
};
