import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServeOptions } from '../../lib/server/index.ts';
import { gate } from './support/gate.ts';
import { ManualClock } from './support/manual-clock.ts';
import { type Ask, connect, PROTOCOLS } from './support/peers.ts';
import { type Subject, startDirect, startWeb } from './support/subjects.ts';

const ends: (() => void | Promise<void>)[] = [];
let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});
afterEach(async () => {
  clock.restore();
  await Promise.all(ends.splice(0).map((end) => end()));
});

describe.each(PROTOCOLS)('over %s', (protocol) => {
  async function set(options: ServeOptions, ask: Ask = {}, start: typeof startWeb = startWeb) {
    const subject: Subject = await start(protocol, options);
    ends.push(subject.close);
    const client = await connect(protocol, subject.port);
    ends.push(() => client.leave());
    const asked = client.ask(ask);
    return { subject, client, asked, seen: await subject.seen.take() };
  }

  it.each([
    ['handler', { handlerTimeoutMs: 300, requestTimeoutMs: 500 }, {}, 'The handler did not answer within 300 ms.'],
    [
      'request',
      { handlerTimeoutMs: 0, requestTimeoutMs: 0 },
      { 'connect-timeout-ms': '300' },
      "The caller's deadline of 300 ms",
    ],
    ['request, with the default of the handler giving way', { requestTimeoutMs: 300 }, {}, 'within 300 ms'],
    ['caller', {}, { 'connect-timeout-ms': '300' }, "The caller's deadline of 300 ms"],
    [
      'caller, cut to what it may ask for',
      { maxTimeoutMs: 300 },
      { 'connect-timeout-ms': '9999' },
      'deadline of 300 ms',
    ],
  ])(
    'S3-07: the limit of the %s cancels with TIMEOUT, and the server answers 504 by itself, saying which',
    async (_, options, headers, message) => {
      const { asked, seen } = await set(options, { headers });
      expect(seen.token.remaining()).toBe(300);
      clock.advance(299);
      expect(seen.token.cancelled).toBe(false);
      clock.advance(1);
      expect(seen.token.reason).toBe('TIMEOUT');
      expect(await asked.until('}')).toContain('"code":"deadline_exceeded"');
      expect(await asked.until('}')).toContain(message);
      expect(asked.status).toBe(504);
    },
  );

  it('S3-31: a response that comes after the deadline is dropped, and the connection or stream is at its end', async () => {
    const heard = gate<{ name: string; ranOnMs: number }>();
    const { asked, seen } = await set({ handlerTimeoutMs: 300, onAbandoned: heard.open }, { path: '/slow' });
    clock.advance(300);
    const all = await asked.over;
    clock.advance(70);
    seen.answer('too late');
    expect(await heard.opened).toMatchObject({ name: 'GET /slow', error: { reason: 'TIMEOUT' }, ranOnMs: 70 });
    expect(all).toContain('deadline_exceeded');
    expect(all).not.toContain('too late');
  });

  it('S3-07: a body that does not come is answered with 408', async () => {
    const { asked, seen } = await set({ bodyTimeoutMs: 300 }, { method: 'POST', body: 'Ad', unfinished: true });
    const body = seen.readBody().catch((error) => error);
    clock.advance(300);
    expect(await body).toMatchObject({
      reason: 'TIMEOUT',
      description: "the request's body did not arrive within 300 ms",
    });
    expect(await asked.until('}')).toContain("The request's body did not arrive within 300 ms.");
    expect(asked.status).toBe(408);
  });

  it('S3-30: trickled bytes win a body no time', async () => {
    const { asked } = await set({ bodyTimeoutMs: 300 }, { method: 'POST', body: 'A', unfinished: true });
    for (let i = 0; i < 3; i++) {
      clock.advance(100);
      asked.send('d');
    }
    await asked.until('}');
    expect(asked.status).toBe(408);
  });

  it('leaves a body alone that has come, read or not', async () => {
    const { subject, client, asked, seen } = await set({ bodyTimeoutMs: 300 }, { method: 'POST', body: 'Ada' });
    // What is sent in order comes in order: with the second request, all of the first is there.
    client.ask();
    const second = await subject.seen.take();
    clock.advance(301);
    expect(seen.token.cancelled).toBe(false);
    seen.answer('fine');
    await asked.until('fine');
    second.answer('too');
    await subject.settled();
  });

  it.each(['-1', '0', '1.5', '12345678901', 'soon'])(
    'answers 400 to connect-timeout-ms: %s, without starting the handler',
    async (value) => {
      const subject = await startWeb(protocol);
      ends.push(subject.close);
      const client = await connect(protocol, subject.port);
      ends.push(() => client.leave());
      const asked = client.ask({ headers: { 'connect-timeout-ms': value } });
      expect(await asked.until('}')).toContain('"code":"invalid_argument"');
      expect(await asked.until('}')).toContain('positive whole number of milliseconds');
      expect(asked.status).toBe(400);
      expect(subject.seen.size).toBe(0);
    },
  );

  it('0 switches the limits off', async () => {
    const { seen, asked } = await set(
      { handlerTimeoutMs: 0, requestTimeoutMs: 0, bodyTimeoutMs: 0, headersTimeoutMs: 0 },
      { method: 'POST', body: 'Ad', unfinished: true },
    );
    expect(seen.token.deadline).toBe(Number.POSITIVE_INFINITY);
    clock.advance(1e9);
    seen.answer('at last');
    await asked.until('at last');
  });

  it('a response that streams is cut at the limit of the request, so that nobody takes it for whole', async () => {
    const { asked, seen } = await set({ handlerTimeoutMs: 300, requestTimeoutMs: 500 });
    seen.begin('one');
    await asked.until('one');
    clock.advance(300);
    expect(seen.token.cancelled).toBe(false);
    clock.advance(200);
    expect(seen.token.reason).toBe('TIMEOUT');
    await asked.over;
    expect(asked.complete).toBe(false);
  });

  it('lets an exchange handler answer for itself, and breaks off when it does not', async () => {
    const { asked, seen } = await set({ handlerTimeoutMs: 300 }, {}, startDirect);
    clock.advance(300);
    expect(seen.token.reason).toBe('TIMEOUT');
    expect(asked.status).toBeUndefined();
    clock.advance(1_000);
    await asked.over;
    expect(asked.status).toBeUndefined();
  });
});
