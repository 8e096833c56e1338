import http from 'node:http';
import http2 from 'node:http2';
import { text } from 'node:stream/consumers';
import type { Ask, Protocol } from '../../../server/support/peers.ts';

/** A client that behaves: one connection, one call after the other, each read to its end. */
export interface Caller {
  call(ask: Ask): Promise<string>;
  leave(): void;
}

export function caller(protocol: Protocol, port: number): Caller {
  return protocol === 'HTTP/1.1' ? http1Caller(port) : http2Caller(port);
}

function http1Caller(port: number): Caller {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    call: ({ method = 'GET', path = '/', headers = {}, body }) =>
      new Promise((resolve, reject) => {
        const request = http.request({ agent, port, host: '127.0.0.1', method, path, headers });
        request.on('error', reject).on('response', (response) => text(response).then(resolve, reject));
        request.end(body);
      }),
    leave: () => agent.destroy(),
  };
}

function http2Caller(port: number): Caller {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  return {
    call({ method = 'GET', path = '/', headers = {}, body }) {
      const stream = session.request({ ':method': method, ':path': path, ...headers });
      stream.end(body);
      return text(stream);
    },
    leave: () => session.destroy(),
  };
}
