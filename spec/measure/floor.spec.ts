import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationToken } from '../../lib/core/index.ts';
import { Board } from '../../lib/measure/board.ts';
import { FloorClient, floorHandler, reset } from '../../lib/measure/floor.ts';

/** A hop of the floor, in this process. */
async function hopOf(name: string, board: Board, next?: FloorClient) {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer().on('session', (session) => sessions.add(session));
  server.on('stream', floorHandler({ name, stepMs: 1, next: () => next, tell: (visit) => board.putVisit(visit) }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new FloorClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const close = () => {
    for (const session of sessions) session.destroy();
    server.close();
  };
  return { client, sessions, close };
}

describe('the floor', () => {
  let board: Board;
  let last: Awaited<ReturnType<typeof hopOf>>;
  let first: Awaited<ReturnType<typeof hopOf>>;
  beforeEach(async () => {
    board = new Board();
    last = await hopOf('B', board);
    first = await hopOf('A', board, last.client);
  });
  afterEach(() => {
    first.close();
    last.close();
  });

  const until = (test: () => boolean) => board.until(test, CancellationToken.none);

  it('answers when its work is done, through all hops', async () => {
    const stream = first.client.ask('1', false, '{"steps":2}');
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    expect(text).toBe('.');
    await until(() => board.visit('1', 'A')?.stoppedAt != null);
    expect(board.visits('1').map(({ heardAt, outcome }) => [heardAt, outcome])).toEqual([
      [null, 'answered'],
      [null, 'answered'],
    ]);
  });

  it('streams when it is asked to', async () => {
    const stream = first.client.ask('1', true, '{"steps":1000}');
    await once(stream, 'data');
    reset(stream);
    await until(() => board.visit('1', 'B')?.heardAt != null);
  });

  it('hands a reset on, more often than a Node server bears on one session, and no other call is touched', async () => {
    for (let n = 0; n < 1_100; n++) {
      const call = String(n);
      const stream = first.client.ask(call, false, '{"steps":1000}');
      await until(() => board.visit(call, 'B') !== undefined);
      reset(stream);
      await until(() => board.visits(call).every(({ stoppedAt }) => stoppedAt !== null));
      expect(board.visits(call).map(({ reason }) => reason)).toEqual(['CANCELLED', 'CANCELLED']);
      board.forget(call);
    }
    expect(first.sessions.size).toBe(3);
    const spared = first.client.ask('spared-1', false, '{"steps":1}');
    spared.resume();
    await once(spared, 'close');
    expect(spared.rstCode).toBe(0);
    expect(board.strays.size).toBe(0);
  });

  it('passes on that a hop has gone', async () => {
    const stream = first.client.ask('1', false, '{"steps":1000}');
    await until(() => board.visit('1', 'B') !== undefined);
    last.close();
    await once(stream, 'close');
    expect(stream.rstCode).not.toBe(0);
  });
});
