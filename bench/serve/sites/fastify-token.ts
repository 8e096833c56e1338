import fastify from 'fastify';
import { cancellation } from 'nevermind/adapters/fastify';
import type { Start } from '../site.ts';
import { listen } from './fastify.ts';

export const start: Start = async () => {
  const app = fastify();
  await app.register(cancellation());
  return await listen(app, () => {});
};
