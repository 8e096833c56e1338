import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { cancellation, tokenOf } from '../../../../lib/adapters/fastify.ts';
import { currentToken } from '../../../../lib/core/index.ts';
import { wordsOf } from '../../../server/support/stage.ts';
import { type Framework, type Hold, Waiting } from './framework.ts';

function handler(hold: Hold) {
  return (request: FastifyRequest, reply: FastifyReply) => {
    const { signal } = request;
    const waiting = new Waiting<unknown>();
    const body = new PassThrough();
    hold({
      path: request.url,
      token: tokenOf(request),
      current: currentToken(),
      own: () => (signal.aborted ? wordsOf(signal.reason) : undefined),
      readBody: () => (request.body === undefined ? text(request.raw) : Promise.resolve(JSON.stringify(request.body))),
      answer: waiting.resolve,
      begin(chunk) {
        reply.send(body);
        body.write(chunk);
      },
      end(chunk) {
        body.end(chunk);
        waiting.resolve(reply);
      },
      fail: waiting.fail,
    });
    return waiting.over;
  };
}

export const fastifyFramework: Framework = {
  name: 'Fastify 5',
  packages: ['fastify'],
  says: '`request.signal`',
  protocols: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  streamsOver: ['h2c', 'h2 over TLS'],
  async start(hold, options) {
    const cancelling = cancellation(options);
    const app = fastify();
    // A body of no type that it knows is left to the handler.
    app.addContentTypeParser('*', (_request, _body, done) => done(null));
    await app.register(cancelling);
    app.all('/*', handler(hold));
    await app.ready();
    return { listener: app.routing, drain: cancelling.drain, close: () => app.close() };
  },
};
