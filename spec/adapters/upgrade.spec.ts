// Requests that turn into a WebSocket, in an application whose requests are under tokens: handed on by whoever listens to
// 'upgrade', as @fastify/websocket and express-ws do it.
import { once } from 'node:events';
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import fastify from 'fastify';
import { expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { cancellation, tokenOf } from '../../lib/adapters/fastify.ts';
import type { CancellationToken } from '../../lib/core/index.ts';
import { gate } from '../server/support/gate.ts';
import { ends, manual } from './support/servers/ends.ts';
import { hangs } from './support/servers/heard.ts';

interface Talk {
  readonly token: CancellationToken;
  readonly client: WebSocket;
  /** What comes back when the client says something. */
  echo(text: string): Promise<string>;
}

/** @param after what the handler does once the socket is open */
async function talking(after: (token: CancellationToken) => Promise<unknown>) {
  const cancelling = cancellation({ handlerTimeoutMs: 300, requestTimeoutMs: 500 });
  const app = fastify();
  await app.register(cancelling);
  const sockets = new WebSocketServer({ noServer: true });
  let upgrade!: { raw: IncomingMessage; socket: Duplex; head: Buffer };
  app.server.on('upgrade', (raw, socket, head) => {
    upgrade = { raw, socket, head };
    const response = new ServerResponse(raw);
    response.assignSocket(socket as never);
    app.routing(raw, response);
  });
  const tokens = gate<CancellationToken>();
  app.get('/', async (request, reply) => {
    reply.hijack();
    sockets.handleUpgrade(upgrade.raw, upgrade.socket, upgrade.head, (socket) => {
      socket.on('message', (data) => socket.send(`${data}!`));
    });
    tokens.open(tokenOf(request));
    await after(tokenOf(request));
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const client = new WebSocket(url.replace('http', 'ws'));
  ends.push(
    () => app.close(),
    () => client.terminate(),
  );
  await once(client, 'open');
  const talk: Talk = {
    token: await tokens.opened,
    client,
    async echo(text) {
      client.send(text);
      return String((await once(client, 'message'))[0]);
    },
  };
  return { cancelling, talk };
}

it('a socket has a token, and lives on past the limits of a request', async () => {
  const clock = manual();
  const { talk } = await talking(async () => {});
  clock.advance(10_000);
  expect(await talk.echo('Ada')).toBe('Ada!');
  expect(talk.token.cancelled).toBe(false);
  talk.client.close();
  expect(await new Promise((resolve) => talk.token.onCancel(({ reason }) => resolve(reason)))).toBe('PEER_CLOSED');
});

it('a drain tells it at once, waits for none, and says nothing into it', async () => {
  const { cancelling, talk } = await talking(async () => {});
  expect(await cancelling.drain()).toMatchObject({ drained: 0, cancelled: 0, timedOut: 0 });
  expect(talk.token.reason).toBe('SHUTDOWN');
  expect(await talk.echo('Ada')).toBe('Ada!');
});

it('one whose handler ends with its cancel is cut, and hears no answer to a request', async () => {
  const { cancelling, talk } = await talking(hangs);
  const [closed, failed] = [once(talk.client, 'close'), gate<Error>()];
  talk.client.on('error', failed.open);
  await cancelling.drain();
  expect((await closed)[0]).toBe(1006);
  expect(await Promise.race([failed.opened, 'no frame that was none'])).toBe('no frame that was none');
});
