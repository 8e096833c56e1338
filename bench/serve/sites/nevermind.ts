import { FastResponse, type ServeOptions, serve } from 'nevermind/server';
import { greet, HOLD, type Start } from '../site.ts';

/** Starts it with these options. */
export const starting =
  (options: ServeOptions): Start =>
  async (protocol, desk) => {
    const server = await serve(
      async (request, { token }) => {
        if (request.method === 'POST') return FastResponse.json(greet((await request.json()).name));
        if (!request.url.endsWith(HOLD)) return FastResponse.json(greet('Ada'));
        token.onCancel(() => desk.left());
        desk.held();
        return await new Promise<never>(() => {});
      },
      { ...options, http2: protocol === 'h2c' ? 'h2c' : false },
    );
    return Number(server.url.port);
  };

export const start: Start = starting({});
