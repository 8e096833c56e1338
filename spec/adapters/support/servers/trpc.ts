import { initTRPC } from '@trpc/server';
import { createHTTP2Handler, createHTTPHandler } from '@trpc/server/adapters/standalone';
import { cancellation, tokenOf } from '../../../../lib/adapters/trpc.ts';
import { type CancellationToken, currentToken } from '../../../../lib/core/index.ts';
import type { ReceptionOptions } from '../../../../lib/server/index.ts';
import type { Ask } from '../../../server/support/peers.ts';
import { wordsOf } from '../../../server/support/stage.ts';
import { type App, type Framework, type Hold, heldCall, heldStream, type Listener } from './framework.ts';

interface Call {
  readonly ctx: object;
  readonly path: string;
  readonly signal: AbortSignal | undefined;
}

function held({ path, signal, ...call }: Call, input: unknown) {
  const token: CancellationToken = tokenOf(call);
  return {
    path: `/${path}`,
    token,
    current: currentToken(),
    own: () => (signal?.aborted ? wordsOf(signal.reason) : undefined),
    readBody: () => Promise.resolve(input as string),
  };
}

/** A router whose procedures wait for the spec. */
function makeRouter(hold: Hold, options?: ReceptionOptions) {
  const cancelling = cancellation(options);
  const t = initTRPC.context<object>().create();
  const procedure = t.procedure.use(cancelling.procedure).input((value) => value);
  const wait = ({ input, ...call }: Call & { input: unknown }) => heldCall(held(call, input), hold);
  const stream = ({ input, ...call }: Call & { input: unknown }) => heldStream(held(call, input), hold);
  const router = t.router({
    wait: procedure.query(wait),
    do: procedure.mutation(wait),
    stream: procedure.subscription(stream),
  });
  return { router, cancelling };
}

/** A query, a mutation or a subscription. */
function inTrpc({ method = 'GET', path: _, headers = {}, body, unfinished, ...rest }: Ask, streams: boolean) {
  if (streams) return { ...rest, path: '/stream', headers: { accept: 'text/event-stream' } };
  if (method === 'GET' && !('upgrade' in headers)) return { ...rest, path: '/wait', headers };
  if (method !== 'POST' || unfinished) return undefined;
  return {
    ...rest,
    method,
    path: '/do',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
}

export const trpcFramework: Framework = {
  name: 'tRPC 11',
  packages: ['@trpc/server'],
  says: '`opts.signal`',
  protocols: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  parses: true,
  streamsOver: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  ask: inTrpc,
  start(hold, options): App {
    const { router, cancelling } = makeRouter(hold, options);
    const [one, two] = [
      createHTTPHandler({ router, createContext: cancelling.context() }),
      createHTTP2Handler({ router, createContext: cancelling.context() }),
    ];
    const listener: Listener = (req, res) => ('stream' in res ? two(req as never, res as never) : one(req, res));
    return { listener, drain: cancelling.drain };
  },
};
