import fastify, { type FastifyInstance } from 'fastify';
import { type Greeting, greet, HOLD, holding, PATH, type Start } from '../site.ts';

const schema = { response: { 200: { type: 'object', properties: { message: { type: 'string' } } } } };

export const start: Start = (protocol, desk) => {
  const app = (protocol === 'h2c' ? fastify({ http2: true }) : fastify()) as FastifyInstance;
  return listen(app, (request) => holding(request.signal, desk));
};

export async function listen(
  app: FastifyInstance,
  hold: (request: { signal: AbortSignal }) => unknown,
): Promise<number> {
  app.get(PATH, { schema }, () => greet('Ada'));
  app.post<{ Body: { name: string }; Reply: Greeting }>(PATH, { schema }, (request, reply) => {
    reply.send(greet(request.body.name));
  });
  app.get(HOLD, hold);
  return Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port);
}
