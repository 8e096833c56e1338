// What every adapter does beside giving a token: deadlines, what comes late, shutdown, limits. `servers-truth-table.spec.ts` is
// about the token itself, the specs of each framework about what only that one has.
import { describe, expect, it } from 'vitest';
import { CancellationError, type CancellationToken } from '../../lib/core/index.ts';
import type { Abandoned, ReceptionOptions } from '../../lib/server/index.ts';
import { expectNoLeaks } from '../../lib/testing/index.ts';
import type { ManualClock } from '../server/support/manual-clock.ts';
import { turns } from '../server/support/stage.ts';
import { FRAMEWORKS } from './support/servers/all.ts';
import { ends, manual } from './support/servers/ends.ts';
import { heard } from './support/servers/heard.ts';
import { inWordsOf, setTable } from './support/servers/set.ts';

const cases = FRAMEWORKS.flatMap((framework) =>
  framework.protocols
    .filter((protocol) => protocol !== 'h2 over TLS')
    .map((protocol) => ({ name: framework.name, framework, protocol })),
);

describe.each(cases)('$name over $protocol', ({ framework, protocol }) => {
  const set = (options?: ReceptionOptions) => setTable(framework, protocol, ends, options);

  it('the token is the current one where the handler runs', async () => {
    const { held } = await set();
    const { held: seen, asked } = await held();
    expect(seen.current).toBe(seen.token);
    seen.answer('done');
    await asked.until('done');
  });

  it('it is not, where that is switched off', async () => {
    const { held } = await set({ fromAmbient: false });
    const { held: seen } = await held();
    expect(seen.current).not.toBe(seen.token);
    expect(seen.token.canBeCancelled).toBe(true);
  });

  it.each<[string, ReceptionOptions, Record<string, string>, string]>([
    ['handler', { handlerTimeoutMs: 300 }, {}, 'The request was not answered within 300 ms.'],
    ['request', { requestTimeoutMs: 300 }, {}, 'The request was not answered within 300 ms.'],
    ['caller', {}, { 'connect-timeout-ms': '300' }, "The caller's deadline of 300 ms passed"],
    ['caller, cut', { maxTimeoutMs: 300 }, { 'connect-timeout-ms': '9999' }, "The caller's deadline of 300 ms passed"],
  ])('S3-07: the limit of the %s cancels with TIMEOUT, and is answered 504', async (_, options, headers, message) => {
    const clock = manual();
    const { held } = await set(options);
    const { held: seen, asked } = await held({ headers });
    expect(seen.token.remaining()).toBe(300);
    clock.advance(299);
    expect(seen.token.cancelled).toBe(false);
    clock.advance(1);
    expect(seen.token.reason).toBe('TIMEOUT');
    await asked.until(message);
    expect(asked.status).toBe(504);
  });

  it('S3-31: what comes after the deadline is dropped, and told', async () => {
    const clock = manual();
    const told: Abandoned[] = [];
    const { held, client } = await set({
      handlerTimeoutMs: 300,
      onAbandoned: (abandoned) => void told.push(abandoned),
    });
    const { held: seen, asked } = await held();
    clock.advance(300);
    await asked.until('300 ms');
    clock.advance(70);
    seen.answer('too late');
    await turns();
    if (framework.stopsAtOnce) expect(told).toEqual([]);
    else expect(told).toEqual([{ name: `GET ${seen.path.split('?')[0]}`, error: seen.token.error, ranOnMs: 70 }]);
    if (protocol === 'HTTP/1.1' && !framework.bySignal) await client.gone;
    else {
      // The connection serves on.
      const next = await held();
      next.held.answer('the next one');
      await next.asked.until('the next one');
    }
    client.leave();
    expect(await asked.over).not.toContain('too late');
  });

  it.each<[string, ReceptionOptions]>([
    ['at the deadline', { handlerTimeoutMs: 300 }],
    ['at a shutdown', {}],
  ])('S3-31: of a handler that stops %s nothing is told, whatever its framework makes of that', async (_, options) => {
    const clock = manual();
    const told: Abandoned[] = [];
    const { app, held, client } = await set({ ...options, onAbandoned: (abandoned) => void told.push(abandoned) });
    const { held: seen, asked } = await held();
    if (options.handlerTimeoutMs === undefined) void app.drain({ graceMs: 0, timeoutMs: 60_000 });
    else clock.advance(300);
    seen.fail(await heard(seen.token));
    await asked.responded;
    client.leave();
    await app.settled();
    await turns();
    expect(told).toEqual([]);
  });

  it('S3-31: nor of one that stops when its client leaves', async () => {
    const told: Abandoned[] = [];
    const { app, held, client } = await set({ onAbandoned: (abandoned) => void told.push(abandoned) });
    const { held: seen } = await held();
    client.leave();
    seen.fail(await heard(seen.token));
    await app.settled();
    await turns();
    expect(told).toEqual([]);
  });

  if (!framework.streamsOver?.includes(protocol))
    it('S3-06: no deadline and no drain cancels what is queued and only waits for a slow client', async () => {
      const clock = manual();
      const { app, held, client } = await set({ handlerTimeoutMs: 300, requestTimeoutMs: 500 });
      const { held: seen } = await held({ stall: true });
      seen.answer('x'.repeat(16 << 20));
      await turns();
      clock.advance(10_000);
      const report = app.drain({ graceMs: 0, timeoutMs: 0 });
      client.leave();
      await report;
      expect(seen.token.reason).toBeUndefined();
    });

  it('S3-07: a stream that has begun goes on past the limit of the handler, and is broken off at that of the request', async () => {
    const clock = manual();
    const { held } = await set({ handlerTimeoutMs: 300, requestTimeoutMs: 500 });
    const { held: seen, asked } = await held({}, true);
    seen.begin('one');
    await asked.until('one');
    expect(seen.token.remaining()).toBe(500);
    clock.advance(499);
    expect(seen.token.cancelled).toBe(false);
    clock.advance(1);
    expect(seen.token.reason).toBe('TIMEOUT');
    await asked.over;
    expect(asked.complete).toBe(false);
  });

  if (!framework.hidesErrors)
    it('a deadline of the handler’s own making, for what it calls, is a gateway’s timeout', async () => {
      const { held } = await set();
      const { held: seen, asked } = await held();
      seen.fail(new Error('the stock did not answer', { cause: new CancellationError('TIMEOUT') }));
      await asked.until('Something that the handler called did not answer in time.');
      expect(asked.status).toBe(504);
    });

  if (framework.failsWith !== 'uncaught')
    it('any other error of a handler is the framework’s affair', async () => {
      const { app, held } = await set();
      const { held: seen, asked } = await held();
      const report = app.drain({ graceMs: 60_000 });
      seen.fail(new Error('no such table'));
      await asked.over;
      expect(asked.status).toBe(framework.failsWith ?? 500);
      expect(await report).toMatchObject({ drained: 1 });
    });

  it.each(['0', '-1', '1.5', 'soon', '10000000000'])(
    'T-13: a caller’s timeout of %s is refused with 400',
    async (ms) => {
      const { app, ask } = await set();
      const asked = ask({ headers: { 'connect-timeout-ms': ms } });
      await asked.until('Expected `connect-timeout-ms` to be a positive whole number of milliseconds');
      expect(asked.status).toBe(400);
      expect(app.seen.size).toBe(0);
    },
  );

  it('more requests than may be under way are answered 503', async () => {
    const { held, another, app } = await set({ maxRequests: 1, retryAfter: 7 });
    const first = await held();
    const second = (await another()).ask(inWordsOf(framework, {}));
    await second.until('The server has as many requests under way as it may.');
    expect(second.status).toBe(503);
    if (framework.name !== 'tRPC 11') expect(second.headers).toMatchObject({ 'retry-after': '7' });
    first.held.answer('first');
    await first.asked.until('first');
    await turns();
    const third = (await another()).ask(inWordsOf(framework, {}));
    (await app.seen.take()).answer('third');
    await third.until('third');
  });

  describe('a drain', () => {
    /** Where nothing of a connection is to be seen, it is let go when its time is up. */
    const letGo = async (clock: ManualClock) => {
      if (!framework.bySignal) return;
      await clock.armed(500);
      clock.advance(500);
    };

    it('S3-27: resolves when the last request has ended, and closes its connection', async () => {
      const { app, held, client } = await set();
      const { held: seen, asked } = await held();
      const report = app.drain({ graceMs: 60_000 });
      seen.answer('done');
      await asked.until('done');
      expect(await report).toMatchObject({ drained: 1, cancelled: 0, timedOut: 0, crashed: 0, stillRunning: [] });
      await client.gone;
    });

    it('S3-08, S3-33: reaches every request in flight when its grace is over', async () => {
      const clock = manual();
      const { app, held, another } = await set();
      const { held: first } = await held();
      (await another()).ask(inWordsOf(framework, {}));
      const second = await app.seen.take();
      const report = app.drain({ graceMs: 300, timeoutMs: 60_000 });
      clock.advance(299);
      expect([first.token.reason, second.token.reason]).toEqual([undefined, undefined]);
      const stopped = Promise.all([first, second].map(({ token }) => heard(token)));
      clock.advance(1);
      await stopped;
      expect([first.token.reason, second.token.reason]).toEqual(['SHUTDOWN', 'SHUTDOWN']);
      for (const { fail, token } of [first, second]) fail(token.error);
      await letGo(clock);
      expect(await report).toMatchObject({ drained: 0, cancelled: 2, timedOut: 0 });
    });

    it('answers 503 for a handler that stops at SHUTDOWN', async () => {
      const { app, held } = await set();
      const { held: seen, asked } = await held();
      const report = app.drain({ graceMs: 0, timeoutMs: 60_000 });
      seen.fail(await heard(seen.token));
      await asked.until('The server is shutting down.');
      expect(asked.status).toBe(503);
      expect(await report).toMatchObject({ cancelled: 1, timedOut: 0 });
    });

    if (!framework.stopsAtOnce)
      it('S3-18, S3-21: delivers what a handler still brings after SHUTDOWN', async () => {
        const { app, held } = await set();
        const { held: seen, asked } = await held();
        const report = app.drain({ graceMs: 0, timeoutMs: 60_000 });
        await heard(seen.token);
        seen.answer('three of five');
        await asked.until('three of five');
        expect(asked.status).toBe(200);
        expect(await report).toMatchObject({ cancelled: 1, timedOut: 0 });
      });

    it('S3-24, S3-26: answers 503 by itself when its time is up, and names the handlers that still run', async () => {
      const clock = manual();
      const { app, held } = await set();
      const { held: seen, asked } = await held();
      clock.advance(1_000);
      const report = app.drain({ graceMs: 0, timeoutMs: 500 });
      await heard(seen.token);
      if (!framework.stopsAtOnce) {
        await clock.armed(500);
        clock.advance(500);
      }
      await asked.until('The server is shutting down.');
      expect(asked.status).toBe(503);
      await letGo(clock);
      const { stillRunning } = await report;
      const unseen = framework.endsUnseen || framework.stopsAtOnce;
      expect(stillRunning).toMatchObject(unseen ? [] : [{ name: expect.stringMatching(/^GET \//) }]);
    });

    it('breaks a stream off when its time is up', async () => {
      const { app, held } = await set();
      const { held: seen, asked } = await held({}, true);
      seen.begin('one');
      await asked.until('one');
      await app.drain({ graceMs: 0, timeoutMs: 0 });
      expect(seen.token.reason).toBe('SHUTDOWN');
      await asked.over;
      expect(asked.complete).toBe(false);
    });

    it('S3-28: refuses what comes on a connection in use', async () => {
      const { app, held, ask, client } = await set();
      const { held: seen, asked } = await held({}, true);
      seen.begin('one');
      await asked.until('one');
      const report = app.drain({ graceMs: 60_000 });
      if (protocol === 'HTTP/1.1') ask();
      await turns();
      seen.end('two');
      const all = await asked.over;
      expect(all).toContain('two');
      if (protocol === 'HTTP/1.1') expect(all).toMatch(/HTTP\/1.1 503[\s\S]*The server is shutting down\./);
      expect(await report).toMatchObject({ drained: 1, refused: protocol === 'HTTP/1.1' ? 1 : 0 });
      await client.gone;
      expect(app.seen.size).toBe(0);
    });

    it('S3-25: there is one, whoever asks, and no time at all forces it', async () => {
      const { app, held } = await set();
      await held();
      const first = app.drain({ graceMs: 1e6, timeoutMs: 1e6 });
      const second = app.drain({ graceMs: 0, timeoutMs: 0 });
      expect(await second).toBe(await first);
      expect(await first).toMatchObject({ timedOut: 1 });
    });
  });

  it('leaves nothing behind', async () => {
    const { app, held, client } = await set({ handlerTimeoutMs: 60_000, requestTimeoutMs: 90_000 });
    const listeners = () =>
      [...app.connections].map((socket) =>
        socket.eventNames().map((name) => `${String(name)} ${socket.listenerCount(name)}`),
      );
    const tokens: CancellationToken[] = [];
    let calls = 0;
    const once = async (streams: boolean) => {
      // What has come is searched from the start of the connection.
      const [one, done] = [`one ${++calls}.`, `done ${calls}.`];
      const { held: seen, asked } = await held({}, streams);
      tokens.push(seen.token);
      if (!streams) seen.answer(done);
      else {
        seen.begin(one);
        await asked.until(one);
        seen.end(done);
      }
      await asked.until(done);
      await turns();
    };
    await once(false);
    await once(true);
    const before = listeners();
    for (let time = 0; time < 20; time++) await once(time % 2 === 0);
    expect(listeners()).toEqual(before);
    expectNoLeaks(...tokens);
    client.leave();
    await app.settled();
    await turns();
    expect(app.connections.size).toBe(0);
    expect(await app.drain()).toMatchObject({ drained: 0, timedOut: 0 });
  });
});
