// Clients that leave: over HTTP/1.1 with their connection, over HTTP/2 by a reset on a session that lives.
import http2 from 'node:http2';
import net from 'node:net';
import type { Protocol } from './site.ts';

export interface Callers {
  /** Sends a request. @returns what leaves */
  call(path: string): Promise<() => void>;
  close(): void;
}

export function callers(protocol: Protocol, port: number): Promise<Callers> {
  return protocol === 'h2c' ? sharing(port) : Promise.resolve(apart(port));
}

function apart(port: number): Callers {
  return {
    async call(path) {
      const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
      await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      return () => socket.destroy();
    },
    close() {},
  };
}

/** Resets that a session of Node 20 outlives. */
const RESETS = 500;

async function sharing(port: number): Promise<Callers> {
  const url = `http://127.0.0.1:${port}`;
  const open = async () => {
    const session = http2.connect(url);
    await new Promise((resolve, reject) => session.once('remoteSettings', resolve).once('error', reject));
    return session;
  };
  let session = await open();
  let calls = 0;
  return {
    async call(path) {
      if (++calls % RESETS === 0) {
        session.close();
        session = await open();
      }
      const stream = session.request({ ':path': path });
      stream.on('error', () => {});
      return () => stream.close(http2.constants.NGHTTP2_CANCEL);
    },
    close: () => session.destroy(),
  };
}
