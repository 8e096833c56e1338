import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import {
  type CancellationError,
  CancellationSource,
  CancellationToken,
  pendingAlarms,
  reasonOf,
  setCurrentToken,
} from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import { RpcError, service, type Transport, type UnaryCall, type UnaryReply, unary } from '../../lib/rpc/index.ts';
import { Greeter } from './support/greeter.ts';
import { useManualClock } from './support/manual-clock.ts';

const time = useManualClock();

/** A transport whose calls the spec answers by hand. It keeps the laws of lib/rpc/transport.ts. */
class HandTransport implements Transport {
  readonly calls: { call: UnaryCall; resolve(reply: Partial<Reply>): void; reject(error: unknown): void }[] = [];
  readonly sent: Record<string, string>[] = [];
  readonly log: string[] = [];

  unary(call: UnaryCall): Promise<UnaryReply> {
    return new Promise((resolve, reject) => {
      this.sent.push(call.headers());
      call.reached('sent');
      call.token.onCancel((error) => {
        this.log.push('told the peer');
        reject(error);
      });
      this.calls.push({ call, resolve: (given) => resolve(reply(given)), reject });
    });
  }
}

interface Reply {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

function reply({ status = 200, headers = { 'content-type': 'application/json' }, body }: Partial<Reply>): UnaryReply {
  return {
    status,
    header: (name) => headers[name],
    headers: () => Object.entries(headers),
    body:
      body instanceof Uint8Array
        ? body
        : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body)),
  };
}

function connected(options: { timeout?: number; headers?: Record<string, string> } = {}) {
  const transport = new HandTransport();
  return { transport, client: createClient(Greeter, { transport, ...options }) };
}

/** What a promise was rejected with; fails where it was not. */
const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

const ada = { name: 'Ada' };
const answered = { body: { greeting: 'hello' } };

describe('a call', () => {
  it('goes to the path of its method as JSON, and resolves with the answer', async () => {
    const { client, transport } = connected();
    const response = client.greet(ada);
    expect([transport.calls[0]?.call.path, transport.calls[0]?.call.body]).toEqual([
      '/demo.v1.Greeter/greet',
      '{"name":"Ada"}',
    ]);
    expect(transport.sent).toEqual([{ 'content-type': 'application/json', 'connect-protocol-version': '1' }]);
    transport.calls[0]?.resolve(answered);
    expect(await response).toEqual({ greeting: 'hello' });
  });

  it('reads the answer by its schema', async () => {
    const Clock = service('Clock', {
      now: unary({ input: z.object({}), output: z.iso.datetime().transform((text) => new Date(text)) }),
    });
    const transport = new HandTransport();
    const response = createClient(Clock, { transport }).now({});
    transport.calls[0]?.resolve({ body: '"2026-11-21T10:00:00Z"' });
    expect((await response).getTime()).toBe(Date.UTC(2026, 10, 21, 10));
  });

  it("sends the client's headers and its own, in lower case", () => {
    const { client, transport } = connected({ headers: { Authorization: 'a', 'x-a': '1' } });
    void client.greet(ada, { headers: new Headers({ 'X-A': '2', 'x-b': '3' }) });
    expect(transport.sent[0]).toMatchObject({ authorization: 'a', 'x-a': '2', 'x-b': '3' });
  });

  it('S0-24: leaves no timer and no callback behind', async () => {
    const { client, transport } = connected();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token, timeout: 100 });
    transport.calls[0]?.resolve(answered);
    await response;
    source.cancel();
    time().advance(1_000);
    expect(transport.log).toEqual([]);
  });

  it('S1-16: cannot be cancelled when it is over', async () => {
    const { client, transport } = connected();
    const call = client.greet.start(ada);
    transport.calls[0]?.resolve(answered);
    expect(await call.response).toEqual({ greeting: 'hello' });
    expect(call.cancel()).toBe(false);
    expect([call.token.cancelled, transport.log]).toEqual([false, []]);
  });
});

describe('a cancel', () => {
  it('S0-16, E25: tells the peer first, then rejects, without waiting for an answer', async () => {
    const { client, transport } = connected();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token }).catch(() => transport.log.push('rejected'));
    source.cancel();
    expect(transport.log).toEqual(['told the peer']);
    await response;
    expect(transport.log).toEqual(['told the peer', 'rejected']);
  });

  it('S1-01, S1-07: rejects with `canceled`, its description, and the very error of the token as cause', async () => {
    const { client } = connected();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token });
    source.cancel('CANCELLED', { description: 'user closed the tab' });
    const error = await failure(response);
    expect(error).toBeInstanceOf(RpcError);
    expect(error).toMatchObject({ code: 'canceled', reason: 'CANCELLED', remote: false });
    expect(error.cause).toBe(source.token.error);
    expect(reasonOf(error)).toBe('CANCELLED');
    expect(error.message).toBe('Call to /demo.v1.Greeter/greet: The operation was cancelled: user closed the tab');
  });

  it.each([
    ['CANCELLED', 'canceled'],
    ['PEER_CLOSED', 'canceled'],
    ['TIMEOUT', 'deadline_exceeded'],
    ['SHUTDOWN', 'unavailable'],
  ] as const)('S1-02: by %s is %s', async (reason, code) => {
    const { client } = connected();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token });
    source.cancel(reason);
    expect(await failure(response)).toMatchObject({ code, reason, cause: source.token.error });
  });

  it('S1-05, S1-06, S0-01: can be asked of the call as well as of its token, long before the deadline', async () => {
    const { client, transport } = connected();
    const call = client.greet.start(ada, { timeout: 10_000 });
    time().advance(200);
    expect(call.cancel('CANCELLED', { description: 'never mind' })).toBe(true);
    expect(call.cancel('TIMEOUT')).toBe(false);
    expect([call.token.reason, call.token.remaining()]).toEqual(['CANCELLED', 9_800]);
    expect(await failure(call.response)).toMatchObject({ code: 'canceled', cause: call.token.error });
    expect([transport.log, pendingAlarms()]).toEqual([['told the peer'], 0]);
  });

  it('of one call leaves the token above it and its other calls alone', async () => {
    const { client, transport } = connected();
    const source = new CancellationSource();
    const one = client.greet.start(ada, { token: source.token });
    const other = client.greet.start(ada, { token: source.token });
    one.cancel();
    transport.calls[1]?.resolve(answered);
    expect(await other.response).toEqual({ greeting: 'hello' });
    expect(source.token.cancelled).toBe(false);
  });

  it('of a handle whose answer nobody waits for is no unhandled rejection', () => {
    connected().client.greet.start(ada).cancel();
  });

  it('S1-07: by an AbortSignal keeps its reason as the cause of the cause', async () => {
    const { client } = connected();
    const controller = new AbortController();
    const response = client.greet(ada, { token: controller.signal });
    const why = new Error('why');
    controller.abort(why);
    const error = await failure(response);
    expect(error).toMatchObject({ code: 'canceled', reason: 'CANCELLED' });
    expect((error.cause as CancellationError).cause).toBe(why);
  });

  it('E15: after the answer has come changes nothing', async () => {
    const { client, transport } = connected();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token });
    transport.calls[0]?.resolve(answered);
    source.cancel();
    expect(await response).toEqual({ greeting: 'hello' });
  });
});

describe('nothing is sent', () => {
  it.each([
    ['cancelled', () => ({ token: CancellationToken.cancelled() }), 'canceled', 'CANCELLED'],
    ['expired', () => ({ token: new CancellationSource({ timeout: 0 }).token }), 'deadline_exceeded', 'TIMEOUT'],
    ['aborted', () => ({ token: AbortSignal.abort() }), 'canceled', 'CANCELLED'],
    ['a timeout of 0', () => ({ timeout: 0 }), 'deadline_exceeded', 'TIMEOUT'],
    ['a negative timeout', () => ({ timeout: -1 }), 'deadline_exceeded', 'TIMEOUT'],
  ])('S0-15, E18, E21: %s', async (_, options, code, reason) => {
    const { client, transport } = connected();
    const error = await failure(client.greet(ada, options()));
    expect(error).toMatchObject({ code, reason });
    expect(reasonOf(error)).toBe(reason);
    expect(transport.calls).toEqual([]);
  });

  it.each([
    [undefined, {}, TypeError],
    [() => 1, {}, TypeError],
    [1n, {}, TypeError],
    [ada, { timeout: Number.NaN }, RangeError],
    [ada, { timeout: '5' }, TypeError],
    [ada, { token: {} }, TypeError],
    [ada, { headers: { 'x-a': 'line\nbreak' } }, TypeError],
    [ada, { headers: { 'content-type': 'text/plain' } }, TypeError],
    [ada, { headers: { 'connect-timeout-ms': '1' } }, TypeError],
  ])('and the mistake is thrown at once: %o, %o', (request, options, Kind) => {
    const { client, transport } = connected();
    expect(() => client.greet(request as typeof ada, options as object)).toThrow(Kind);
    expect(transport.calls).toEqual([]);
  });
});

describe('the deadline', () => {
  it.each([
    [{ timeout: 250 }, '250'],
    [{ timeout: 250.2 }, '251'],
    [{ timeout: 0.1 }, '1'],
    [{ timeout: 1e12 }, '9999999999'],
    [{ timeout: Number.POSITIVE_INFINITY }, undefined],
  ])('S1-20: %o is sent as %s', (options, header) => {
    const { client, transport } = connected();
    void client.greet(ada, options).catch(() => {});
    expect(transport.sent[0]?.['connect-timeout-ms']).toBe(header);
  });

  it("S0-23: is the lesser of the call's own and the token's, less what has passed", () => {
    const { client, transport } = connected({ timeout: 500 });
    const source = new CancellationSource({ timeout: 300 });
    time().advance(120);
    const { token } = source;
    for (const options of [{}, { token }, { token, timeout: 50 }, { token, timeout: 900 }, { timeout: 900 }]) {
      void client.greet(ada, options).catch(() => {});
    }
    expect(transport.sent.map((headers) => headers['connect-timeout-ms'])).toEqual(['500', '180', '50', '180', '900']);
    source.cancel();
  });

  it('S1-19, S0-04: ends the call as a cancel does, and says where the time went', async () => {
    const { client, transport } = connected();
    const response = client.greet(ada, { timeout: 300 });
    time().advance(300);
    expect(transport.log).toEqual(['told the peer']);
    const error = await failure(response);
    expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'TIMEOUT' });
    expect(reasonOf(error)).toBe('TIMEOUT');
    expect(error.message).toBe(
      'Call to /demo.v1.Greeter/greet: The operation timed out after 300 ms: 0 ms until the request was sent, 300 ms waiting for the answer',
    );
  });

  it('says so too when the request was never sent, and when the answer had begun', async () => {
    const stuck = createClient(Greeter, {
      transport: { unary: (call) => new Promise((_, reject) => call.token.onCancel(reject)) },
    });
    const unsent = failure(stuck.greet(ada, { timeout: 100 }));
    const { client, transport } = connected();
    const begun = failure(client.greet(ada, { timeout: 100 }));
    time().advance(30);
    transport.calls[0]?.call.reached('answered');
    time().advance(70);
    expect((await unsent).message).toMatch(/timed out after 100 ms, before the request could be sent$/);
    expect((await begun).message).toMatch(/30 ms waiting for the answer, 70 ms reading it$/);
  });

  it('S1-22, E22: CANCELLED by the peer after it is reported as the deadline it was', async () => {
    const { client, transport } = connected();
    // The peer's clock is ahead by less than our timer can tell.
    const source = new CancellationSource();
    const parent = { token: source.token, timeout: 100 };
    const response = client.greet(ada, parent);
    const received = new RpcError('canceled', 'RST_STREAM CANCEL', { remote: true });
    vi.spyOn(transport.calls[0]!.call.token, 'remaining').mockReturnValue(0);
    transport.calls[0]?.reject(received);
    const error = await failure(response);
    expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'TIMEOUT', remote: false });
    expect(reasonOf(error)).toBe('TIMEOUT');
    expect((error.cause as Error).cause).toBe(received);
  });

  it('is heard by the token before the caller, though the answer of the peer overtakes our timer', async () => {
    const { client, transport } = connected();
    const source = new CancellationSource({ timeout: 100 });
    const response = client.greet(ada, { token: source.token });
    const late = vi.spyOn(time(), 'now').mockReturnValue(time().now() + 100);
    transport.calls[0]?.resolve({ status: 504, body: { code: 'deadline_exceeded' } });
    const error = await failure(response);
    late.mockRestore();
    expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'TIMEOUT', remote: false });
    expect(source.token.reason).toBe('TIMEOUT');
    expect(error.cause).toBe(source.token.error);
  });

  it('S1-22: CANCELLED by the peer before it stays what it is', async () => {
    const { client, transport } = connected();
    const response = client.greet(ada, { timeout: 100 });
    transport.calls[0]?.reject(new RpcError('canceled', '', { remote: true }));
    expect(await failure(response)).toMatchObject({ code: 'canceled', remote: true });
  });
});

describe('the current token', () => {
  it('S0-14, S1-12: is taken where none is given; S1-13: `none` keeps a call out of it', async () => {
    const source = new CancellationSource({ timeout: 400 });
    const restore = setCurrentToken(() => source.token);
    try {
      const { client, transport } = connected();
      const inside = failure(client.greet(ada));
      const outside = client.greet(ada, { token: CancellationToken.none });
      expect(transport.sent.map((headers) => headers['connect-timeout-ms'])).toEqual(['400', undefined]);
      source.cancel();
      transport.calls[1]?.resolve(answered);
      expect([(await inside).code, await outside]).toEqual(['canceled', { greeting: 'hello' }]);
    } finally {
      restore();
    }
  });
});

describe('an answer', () => {
  it.each([
    [{ status: 404, body: { code: 'not_found', message: 'no Ada' } }, 'not_found', 'no Ada'],
    [{ status: 500, body: { code: 'aborted' } }, 'aborted', 'HTTP 500'],
    [{ status: 503, body: '<html>', headers: { 'content-type': 'text/html' } }, 'unavailable', 'HTTP 503'],
    [{ status: 404, body: '', headers: {} }, 'unimplemented', 'HTTP 404'],
    [{ status: 400, body: '{' }, 'internal', 'HTTP 400'],
    [{ status: 429, body: {} }, 'unavailable', 'HTTP 429'],
    [{ status: 418, body: { code: 'teapot', message: 'short' } }, 'unknown', 'short'],
    [
      { status: 200, body: '<html>', headers: { 'content-type': 'text/html' } },
      'unknown',
      'Expected an answer of content type',
    ],
    [
      { status: 200, body: '', headers: { 'content-type': 'application/proto' } },
      'internal',
      'Expected an answer of content type',
    ],
    [{ status: 200, body: '', headers: {} }, 'unknown', 'got `none`'],
    [{ status: 204, body: '' }, 'unknown', 'HTTP 204'],
  ])('%o is %s', async (given, code, message) => {
    const { client, transport } = connected();
    const response = client.greet(ada);
    transport.calls[0]?.resolve(given);
    const error = await failure(response);
    expect(error).toMatchObject({ code, remote: true });
    expect(error.message).toContain(message);
  });

  it.each([
    ['{', 'Expected the body to be JSON'],
    [Uint8Array.of(0x22, 0xff, 0x22), 'Expected the body to be UTF-8'],
    ['{"__proto__":1}', 'Expected JSON without a key `__proto__`'],
    [{ greeting: 7 }, 'Expected the response to fit the contract; `greeting`: '],
    ['null', '`response`: '],
  ])('with status 200 and the body %j is internal', async (body, message) => {
    const { client, transport } = connected();
    const response = client.greet(ada);
    transport.calls[0]?.resolve({ body });
    const error = await failure(response);
    expect(error).toMatchObject({ code: 'internal', remote: false });
    expect(error.message).toContain(message);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('that is an error carries details, metadata and what reason it stands for', async () => {
    const { client, transport } = connected();
    const response = client.greet(ada);
    const details = [{ type: 'demo.Hint', value: 'YQ' }];
    const headers = { 'content-type': 'application/json', 'x-hint': 'b', date: 'now' };
    transport.calls[0]?.resolve({ status: 504, headers, body: { code: 'deadline_exceeded', details } });
    expect(await failure(response)).toMatchObject({
      details,
      metadata: { 'x-hint': 'b' },
      reason: 'TIMEOUT',
      remote: true,
    });
  });

  it('of a transport that breaks its own laws is still an RpcError', async () => {
    const broken = new Error('broken');
    const client = createClient(Greeter, { transport: { unary: () => Promise.reject(broken) } });
    expect(await failure(client.greet(ada))).toMatchObject({ code: 'internal', message: 'broken', cause: broken });
  });
});

describe('createClient', () => {
  it.each([
    [{}, /Expected `baseUrl` to be a URL/],
    [{ baseUrl: 'localhost' }, /Expected `baseUrl` to be a URL/],
    [{ baseUrl: 'ftp://localhost' }, /Expected `baseUrl` to be a URL/],
    [{ baseUrl: 'http://a', timeout: Number.NaN }, /Expected `timeout` to be a number/],
    [{ baseUrl: 'http://a', timeout: '1' }, /Expected `timeout` to be a number/],
    [{ baseUrl: 'http://a', headers: { host: 'b' } }, /Expected metadata/],
  ])('refuses %o', (options, message) => {
    expect(() => createClient(Greeter, options as object)).toThrow(message);
  });

  it('S2-01: gives functions whose promises have no `cancel`, and is no thenable', async () => {
    const { client } = connected();
    const response = client.greet(ada);
    expect('cancel' in response).toBe(false);
    expect(await client).toBe(client);
  });

  it('types requests and answers by the contract', () => {
    const { client } = connected();
    // @ts-expect-error no such field
    void client.greet({ nom: 'Ada' });
    // @ts-expect-error no such method
    expect(client.wave).toBeUndefined();
    // @ts-expect-error no such field
    void client.greet(ada).then((response) => response.farewell);
  });
});
