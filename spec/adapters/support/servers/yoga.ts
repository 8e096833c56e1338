import { createSchema, createYoga } from 'graphql-yoga';
import { cancellation, tokenOf } from '../../../../lib/adapters/yoga.ts';
import { currentToken } from '../../../../lib/core/index.ts';
import type { ReceptionOptions } from '../../../../lib/server/index.ts';
import type { Ask } from '../../../server/support/peers.ts';
import { wordsOf } from '../../../server/support/stage.ts';
import { type Framework, type Hold, heldCall, heldStream, type Listener } from './framework.ts';

interface Context {
  readonly request: Request;
}

/** A schema whose resolvers wait for the spec. */
function makeYoga(hold: Hold, options?: ReceptionOptions) {
  const cancelling = cancellation(options);
  const held = (input: string, context: Context) => ({
    path: new URL(context.request.url).pathname,
    token: tokenOf(context),
    current: currentToken(),
    own: () => (context.request.signal.aborted ? wordsOf(context.request.signal.reason) : undefined),
    readBody: () => Promise.resolve(input),
  });
  const wait = (_: unknown, { input }: { input: string }, context: Context) => heldCall(held(input, context), hold);
  async function* stream(_: unknown, { input }: { input: string }, context: Context) {
    for await (const text of heldStream(held(input, context), hold)) yield { stream: text };
  }
  const schema = createSchema<Context>({
    typeDefs: `
      type Query { wait(input: String): String }
      type Mutation { do(input: String): String }
      type Subscription { stream(input: String): String }
    `,
    resolvers: { Query: { wait }, Mutation: { do: wait }, Subscription: { stream: { subscribe: stream } } },
  });
  return { yoga: createYoga({ schema, plugins: [cancelling], logging: false, graphqlEndpoint: '/*' }), cancelling };
}

const queryOf = (text: string) => `?query=${encodeURIComponent(text)}`;

/** A query, a mutation or a subscription. */
function inGraphql({ method = 'GET', path = '/', headers = {}, body, unfinished, ...rest }: Ask, streams: boolean) {
  if (streams) {
    return { ...rest, path: path + queryOf('subscription{stream}'), headers: { accept: 'text/event-stream' } };
  }
  if (method === 'GET' && !('upgrade' in headers)) return { ...rest, path: path + queryOf('{wait}'), headers };
  if (method !== 'POST' || unfinished) return undefined;
  return {
    ...rest,
    method,
    path,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'mutation($input:String){do(input:$input)}', variables: { input: body } }),
  };
}

export const yogaFramework: Framework = {
  name: 'GraphQL Yoga 5',
  packages: ['graphql-yoga'],
  says: '`context.request.signal`',
  protocols: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  parses: true,
  stopsAtOnce: true,
  hidesErrors: true,
  failsWith: 200,
  streamsOver: ['HTTP/1.1', 'h2c', 'h2 over TLS'],
  ask: inGraphql,
  start(hold, options) {
    const { yoga, cancelling } = makeYoga(hold, options);
    return { listener: yoga as unknown as Listener, drain: cancelling.drain };
  },
};
