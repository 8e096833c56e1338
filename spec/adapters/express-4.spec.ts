// Express 4 as well: it only does not pass on what async handlers reject with.
import type { ErrorRequestHandler } from 'express';
import express from 'express-4';
import { expect, it } from 'vitest';
import { cancellation, tokenOf } from '../../lib/adapters/express.ts';
import type { CancellationToken } from '../../lib/core/index.ts';
import { Inbox } from '../server/support/gate.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import { hangs, heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

async function set() {
  const app = express();
  const cancelling = cancellation({ handlerTimeoutMs: 300 });
  const tokens = new Inbox<CancellationToken>();
  const errors: unknown[] = [];
  app.use(cancelling, express.json());
  app.all('/', (req, _res, next) => {
    const token = tokenOf(req);
    tokens.put(token);
    hangs(token).catch(next);
  });
  const own: ErrorRequestHandler = (error, _req, _res, _next) => void errors.push(error);
  app.use(cancelling.errors, own);
  return { cancelling, tokens, errors, ...(await onServer(app, ends)) };
}

it('a client that leaves is heard, and is no error of the application', async () => {
  const { client, tokens, errors } = await set();
  client.ask({ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  const token = await tokens.take();
  client.leave();
  await heard(token);
  await turns();
  expect(token.reason).toBe('PEER_CLOSED');
  expect(errors).toEqual([]);
});

it('a deadline is answered', async () => {
  const clock = manual();
  const { client, tokens, errors } = await set();
  const asked = client.ask();
  await tokens.take();
  clock.advance(300);
  expect(await asked.over).toContain('"code":"deadline_exceeded"');
  expect(asked.status).toBe(504);
  expect(errors).toEqual([]);
});

it('a drain is answered', async () => {
  const { client, tokens, cancelling, server } = await set();
  const asked = client.ask();
  await tokens.take();
  expect(await cancelling.drain({ server, graceMs: 0 })).toMatchObject({ cancelled: 1, timedOut: 0 });
  expect(await asked.over).toContain('The server is shutting down.');
  expect(asked.status).toBe(503);
});
