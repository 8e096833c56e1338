import { Readable } from 'node:stream';
import Koa from 'koa';
import { expect, it } from 'vitest';
import { cancellation, tokenOf } from '../../lib/adapters/koa.ts';
import { type CancellationToken, currentToken } from '../../lib/core/index.ts';
import { gate } from '../server/support/gate.ts';
import { turns } from '../server/support/stage.ts';
import { ends, manual } from './support/servers/ends.ts';
import { hangs, heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

function application(): { app: Koa; errors: unknown[] } {
  const app = new Koa();
  const errors: unknown[] = [];
  app.on('error', (error) => errors.push(error));
  return { app, errors };
}

it('a client that has left is no error of the application', async () => {
  const { app, errors } = application();
  const started = gate<CancellationToken>();
  app.use(cancellation());
  app.use(async (ctx) => {
    started.open(tokenOf(ctx));
    expect(currentToken()).toBe(tokenOf(ctx));
    ctx.body = await hangs(tokenOf(ctx));
  });
  const { client } = await onServer(app.callback(), ends);
  client.ask();
  const token = await started.opened;
  client.leave();
  await heard(token);
  await turns();
  expect(errors).toEqual([]);
});

it('what comes after the deadline is dropped, whatever it is', async () => {
  const clock = manual();
  const { app, errors } = application();
  const [started, done] = [gate<CancellationToken>(), gate()];
  app.use(cancellation({ handlerTimeoutMs: 300 }));
  app.use(async (ctx) => {
    started.open(tokenOf(ctx));
    await heard(tokenOf(ctx));
    ctx.status = 201;
    ctx.set('x-late', 'yes');
    ctx.body = Readable.from(['late']);
    done.open();
  });
  const { client } = await onServer(app.callback(), ends);
  const asked = client.ask();
  await started.opened;
  clock.advance(300);
  await done.opened;
  const answer = await asked.over;
  expect(answer).toContain('504 Gateway Timeout');
  expect(answer).not.toContain('late');
  expect(errors).toEqual([]);
});

it('a body that is a stream ends with its client', async () => {
  const { app } = application();
  const made = gate<Readable>();
  app.use(cancellation());
  app.use((ctx) => {
    const body = new Readable({ read() {} });
    body.push('one');
    ctx.body = body;
    made.open(body);
  });
  const { client } = await onServer(app.callback(), ends);
  await client.ask().until('one');
  const body = await made.opened;
  const closed = new Promise((resolve) => body.once('close', resolve));
  client.leave();
  await closed;
  expect(body.destroyed).toBe(true);
});

it('an error of an HTTP status is Koa’s affair', async () => {
  const { app, errors } = application();
  app.use(cancellation());
  app.use((ctx) => ctx.throw(418, 'tea'));
  const { client } = await onServer(app.callback(), ends);
  const asked = client.ask();
  await asked.until('tea');
  expect(asked.status).toBe(418);
  expect(errors).toMatchObject([{ status: 418 }]);
});
