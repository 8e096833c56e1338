import http from 'node:http';
import http2 from 'node:http2';
import { type Client, connect } from '../../../server/support/peers.ts';
import type { Listener } from './framework.ts';
import { listening } from './listening.ts';

/** An application on a server of Node, and a client of it; `ends` are to be called at the end, the last one first. */
export async function onServer(
  listener: Listener,
  ends: (() => unknown)[],
  protocol: 'HTTP/1.1' | 'h2c' = 'HTTP/1.1',
): Promise<{ client: Client; port: number; url: string; server: http.Server }> {
  const server = protocol === 'HTTP/1.1' ? http.createServer(listener) : http2.createServer(listener as never);
  const { close, port, url } = await listening(server);
  const client = await connect(protocol, port);
  ends.push(close, () => client.leave());
  return { client, port, url, server: server as http.Server };
}
