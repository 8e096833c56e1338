import type { Implementation } from '../harness.ts';

export const OURS = 'nevermind';
export const BARE = 'node:http2';
export const ABORT = 'node:http2, AbortController';
export const GRPC = 'grpc-js';
export const NICE = 'nice-grpc';
export const CONNECT = 'connect-node';
export const REQUEST = 'undici request';
export const FETCH = 'undici fetch';
export const GLOBAL = 'fetch, HTTP/1.1';

/** By implementation, its module in this folder. */
export const modules: Readonly<Record<string, string>> = {
  [OURS]: 'nevermind',
  [BARE]: 'http2',
  [ABORT]: 'http2-abort',
  [GRPC]: 'grpc-js',
  [NICE]: 'nice-grpc',
  [CONNECT]: 'connect-node',
  [REQUEST]: 'undici',
  [FETCH]: 'undici-fetch',
  [GLOBAL]: 'fetch',
};

export const implementations: readonly Implementation[] = [
  {
    name: OURS,
    setup:
      '`createClient` over `http2Transport`, `serve(createHandler(…))`, as they come; zod reads each message on both sides. A hop hands on its call with no code for that.',
  },
  {
    name: BARE,
    setup:
      "The floor: the stream API of `node:http2`, JSON, one listener to `'aborted'` at every hop that resets the stream behind.",
  },
  { name: ABORT, setup: 'The same with an AbortController at every hop, and a listener to its signal.' },
  {
    name: GRPC,
    package: '@grpc/grpc-js',
    setup: 'A generic client and server with JSON; a hop calls on with `parent: call`.',
  },
  { name: NICE, package: 'nice-grpc', setup: 'The same definition; a hop calls on with the `signal` of its context.' },
  {
    name: CONNECT,
    package: '@connectrpc/connect-node',
    setup: '`createConnectTransport` over HTTP/2 with Protobuf; a hop calls on with the `signal` of its context.',
  },
  {
    name: REQUEST,
    package: 'undici',
    setup:
      '`request` with `idempotent: true` through an `H2CClient` for a thousand streams, to `node:http2`; an AbortController at every hop.',
  },
  {
    name: FETCH,
    package: 'undici',
    setup:
      '`fetch` of undici through the same client, which sends one POST after the other; an AbortController at every hop.',
  },
  { name: GLOBAL, setup: 'The global `fetch` to `node:http` over HTTP/1.1; an AbortController at every hop.' },
];
