import { afterEach, describe, expect, it } from 'vitest';
import { type ServeOptions, type Server, serve, type WebHandler } from '../../lib/server/index.ts';
import { certificate } from './support/certificate.ts';
import { connect, PROTOCOLS, type Protocol } from './support/peers.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

async function served(protocol: Protocol, handler: WebHandler, options: ServeOptions = {}) {
  const server: Server = await serve(handler, {
    ...options,
    tls: protocol === 'h2 over TLS' ? certificate() : undefined,
  });
  open.push(server);
  const client = await connect(protocol, Number(server.url.port));
  return { server, client };
}

describe.each(PROTOCOLS)('serve over %s', (protocol) => {
  it('answers a request with the response of the handler', async () => {
    const { client } = await served(protocol, async (request) => {
      return new Response(
        `${request.method} ${new URL(request.url).pathname} ${request.headers.get('x-a')} ${await request.text()}.`,
        {
          status: 201,
          headers: { 'x-b': '2' },
        },
      );
    });
    const asked = client.ask({ method: 'POST', path: '/greet', headers: { 'x-a': '1' }, body: 'Ada' });
    expect(await asked.until('.')).toContain('POST /greet 1 Ada.');
    expect(asked.status).toBe(201);
    expect(asked.headers).toMatchObject({ 'x-b': '2', 'content-length': '18' });
  });

  it('drains an idle server at once', async () => {
    const { server, client } = await served(protocol, () => new Response('hi'));
    const asked = client.ask();
    await asked.until('hi');
    const report = await server.drain();
    expect(report).toMatchObject({ drained: 0, cancelled: 0, timedOut: 0, stillRunning: [] });
    await client.gone;
  });
});
