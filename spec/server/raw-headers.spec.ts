import http, { type IncomingMessage } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { fieldOf } from '../../lib/server/raw-headers.ts';

/** What node:http makes of a request with these header lines. */
async function received(...lines: string[]): Promise<IncomingMessage> {
  const server = http.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    return await new Promise((resolve, reject) => {
      server.once('request', resolve).once('clientError', reject);
      socket.write(`GET / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
    });
  } finally {
    socket.destroy();
    server.close();
  }
}

/** As Node joins them, for those that come as a list. */
const joined = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value);

describe('a field of a request', () => {
  it.each([
    ['in other letters', ['HOST: a', 'Connect-Timeout-MS: 5']],
    ['twice, of which the first counts', ['host: a', 'content-type: text/plain', 'Content-Type: text/html']],
    ['twice, of which both count', ['host: a', 'connect-timeout-ms: 5', 'x: y', 'connect-timeout-ms: 6']],
    ['three times', ['host: a', 'cookie: a=1', 'cookie: b=2', 'cookie: c=3']],
    ['as a list', ['host: a', 'set-cookie: a=1', 'set-cookie: b=2']],
    ['empty', ['host: a', 'connect-timeout-ms:']],
  ])('is what `headers` has: %s', async (_, lines) => {
    const request = await received(...lines);
    const names = lines.map((line) => (line.split(':', 1)[0] as string).toLowerCase());
    for (const name of names) expect(fieldOf(request, name)).toBe(joined(request.headers[name]));
  });

  it('is none where only its name looks like one, or a value', async () => {
    const request = await received('host: connect-timeout-ms', 'x-connect-timeout: 5');
    expect(fieldOf(request, 'connect-timeout-ms')).toBeUndefined();
    expect(fieldOf(request, 'timeout')).toBeUndefined();
  });
});
