// Frameworks whose handlers answer with a web response.
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import * as honoAdapter from '../../../../lib/adapters/hono.ts';
import * as nextAdapter from '../../../../lib/adapters/next.ts';
import { type CancellationToken, currentToken } from '../../../../lib/core/index.ts';
import { wordsOf } from '../../../server/support/stage.ts';
import { type Framework, type Hold, type Listener, Waiting } from './framework.ts';

/** What a web handler does. */
function webHandler(hold: Hold) {
  return (request: Request, token: CancellationToken): Promise<Response> => {
    const { signal } = request;
    const waiting = new Waiting<Response>();
    let controller: ReadableStreamDefaultController<Uint8Array>;
    hold({
      path: new URL(request.url).pathname,
      token,
      current: currentToken(),
      own: () => (signal.aborted ? wordsOf(signal.reason) : undefined),
      readBody: () => request.text(),
      answer: (body) => waiting.resolve(new Response(body)),
      begin(chunk) {
        const start = (made: typeof controller) => {
          controller = made;
        };
        waiting.resolve(new Response(new ReadableStream({ start })));
        controller.enqueue(Buffer.from(chunk));
      },
      end(chunk) {
        controller.enqueue(Buffer.from(chunk));
        controller.close();
      },
      fail: waiting.fail,
    });
    return waiting.over;
  };
}

export const honoFramework: Framework = {
  name: 'Hono 4',
  packages: ['hono', '@hono/node-server'],
  says: '`c.req.raw.signal`',
  protocols: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  start(hold, options) {
    const cancelling = honoAdapter.cancellation(options);
    const handle = webHandler(hold);
    const app = new Hono();
    app.onError((error, c) => cancelling.errors(error, c) ?? c.text('Internal Server Error', 500));
    app.use(cancelling);
    app.all('/*', (c) => handle(c.req.raw, honoAdapter.tokenOf(c)));
    return { listener: getRequestListener(app.fetch) as Listener, drain: cancelling.drain };
  },
};

/** The function over a request, on a server that is not Next.js. */
export const nextFunction: Framework = {
  name: 'Next.js (its function)',
  packages: ['@hono/node-server'],
  says: '`request.signal`',
  protocols: ['HTTP/1.1'],
  bySignal: true,
  start(hold, options) {
    const cancelling = nextAdapter.cancellation(options);
    const handle = webHandler(hold);
    const route = cancelling((request) => handle(request, nextAdapter.tokenOf(request)));
    return { listener: getRequestListener((request) => route(request)) as Listener, drain: cancelling.drain };
  },
};
