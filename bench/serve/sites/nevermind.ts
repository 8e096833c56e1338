import { FastResponse, serve } from 'nevermind/server';
import { greet, HOLD, type Start } from '../site.ts';

export const start: Start = async (protocol, desk) => {
  const server = await serve(
    async (request, { token }) => {
      if (request.method === 'POST') return FastResponse.json(greet((await request.json()).name));
      if (!request.url.endsWith(HOLD)) return FastResponse.json(greet('Ada'));
      token.onCancel(() => desk.left());
      desk.held();
      return await new Promise<never>(() => {});
    },
    protocol === 'h2c' ? {} : { http2: false },
  );
  return Number(server.url.port);
};
