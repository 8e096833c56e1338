import type { Implementation } from '../harness.ts';

export const OURS = 'nevermind';
export const PLAIN = 'nevermind, Response';
export const UNBOUND = 'nevermind, fromAmbient: false';
export const NODE = 'node';
export const HONO = '@hono/node-server';
export const SRVX = 'srvx';
export const FASTIFY = 'Fastify';
export const EXPRESS = 'Express';

/** By implementation, its module in sites/. */
export const modules: Readonly<Record<string, string>> = {
  [OURS]: 'nevermind',
  [PLAIN]: 'nevermind-response',
  [UNBOUND]: 'nevermind-unbound',
  [NODE]: 'node',
  [HONO]: 'hono',
  [SRVX]: 'srvx',
  [FASTIFY]: 'fastify',
  [EXPRESS]: 'express',
};

export const implementations: readonly Implementation[] = [
  {
    name: OURS,
    setup:
      '`serve` as it comes, a handler of `Request` and `FastResponse`. Each request has a token, a deadline and a current token.',
  },
  { name: PLAIN, setup: "The same with the platform's own `Response`." },
  {
    name: UNBOUND,
    setup:
      'The same without a current token, which on Node 20 makes each promise and each callback of the process dearer.',
  },
  {
    name: NODE,
    setup:
      "The floor: `node:http`, and the stream API of `node:http2`, with listeners for the body, `content-length` and one write. Nobody is told of anything but, where a request is held, by `res.on('close')` and `'aborted'`.",
  },
  {
    name: HONO,
    package: '@hono/node-server',
    setup:
      'A handler of `Request` and `Response` without a router; it replaces the global `Response` by a light one of its own. Told by `request.signal`.',
  },
  {
    name: SRVX,
    package: 'srvx',
    setup: 'The same handler with its `FastResponse`, through `toNodeHandler`. Told by `request.signal`.',
  },
  {
    name: FASTIFY,
    package: 'fastify',
    setup: 'Routes with a schema for the response, no logger. Told by `request.signal`.',
  },
  {
    name: EXPRESS,
    package: 'express',
    setup: "Routes, `express.json()` for the POST, no etag, `NODE_ENV=production`. Told by `res.on('close')`.",
  },
];
