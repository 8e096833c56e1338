import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { createFetch, DeadlineRule, type FetchOptions, type TokenRequestInit } from '../../lib/fetch/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let clock: ReturnType<typeof fakeClock>;
beforeEach(() => {
  clock = fakeClock();
});
afterEach(() => clock[Symbol.dispose]());

/** The headers that a call reaches the wrapped fetch with. */
async function sent(
  options: FetchOptions,
  input: string | URL | Request,
  init?: TokenRequestInit,
): Promise<Record<string, string>> {
  let headers: HeadersInit | undefined;
  const fetch = createFetch({
    ...options,
    fetch: async (input, init) => {
      headers = new Request(input, init).headers;
      return new Response();
    },
  });
  await fetch(input, init);
  return Object.fromEntries(new Headers(headers));
}

function within(ms: number): TokenRequestInit {
  return { token: new CancellationSource({ timeout: ms }).token };
}

const URL_ = 'http://api.internal/path?query';

describe('the remaining time', () => {
  it('S1-20: is told in whole milliseconds, rounded up, with what has passed taken off', async () => {
    const init = within(1_000);
    clock.advance(399.5);
    expect(await sent({ propagateDeadline: true }, URL_, init)).toEqual({ 'connect-timeout-ms': '601' });
  });

  it('is told to nobody by default', async () => {
    expect(await sent({}, URL_, within(1_000))).toEqual({});
    expect(await sent({ propagateDeadline: false }, URL_, within(1_000))).toEqual({});
  });

  it.each<[string, NonNullable<FetchOptions['propagateDeadline']>, boolean]>([
    ['all', true, true],
    ['the host', ['api.internal'], true],
    ['the host with its port', ['api.internal:8080'], false],
    ['another host', ['internal'], false],
    ['a function that says yes', (url) => url.hostname.endsWith('.internal') && url.search === '?query', true],
    ['a function that says no', () => false, false],
  ])('goes to those that are allowed: %s', async (_, propagateDeadline, told) => {
    const headers = await sent({ propagateDeadline }, URL_, within(1_000));
    expect('connect-timeout-ms' in headers).toBe(told);
  });

  it('goes to one port of a host', async () => {
    const options = { propagateDeadline: ['api.internal:8080'] };
    expect(await sent(options, 'http://api.internal:8080/', within(5))).toEqual({ 'connect-timeout-ms': '5' });
    expect(await sent(options, new URL('http://api.internal:8081/'), within(5))).toEqual({});
  });

  it.each([
    ['api.internal:443', 'https://api.internal/', true],
    ['api.internal:443', 'https://api.internal:443/', true],
    ['api.internal:80', 'http://api.internal/', true],
    ['api.internal:80', 'https://api.internal/', false],
    ['api.internal:443', 'https://api.internal:8443/', false],
    ['API.internal:08080', 'http://api.INTERNAL:8080/', true],
    ['bücher.internal', 'http://bücher.internal/', true],
    ['127.1', 'http://127.0.0.1:8080/', true],
    ['::1', 'http://[::1]:8080/', true],
    ['[::1]:8080', 'http://[0::1]:8080/', true],
    ['[::1]:8080', 'http://[::1]/', false],
  ])('finds a host however it is written: %s for %s: %s', async (host, url, told) => {
    const headers = await sent({ propagateDeadline: [host] }, url, within(1_000));
    expect('connect-timeout-ms' in headers).toBe(told);
  });

  it.each([
    'http://api.internal',
    'api.internal/',
    '*.internal',
    'a b',
    'ada@api.internal',
    'api.internal?',
    'a:99999',
    '',
  ])('refuses what is no host: %s', (host) => {
    const create = () => createFetch({ propagateDeadline: ['api.internal', host] });
    expect(create).toThrow(TypeError);
    expect(create).toThrow(`a list of hosts such as 'api.internal' or 'localhost:8080', got '${host}'`);
  });

  it('is not told where there is no deadline', async () => {
    expect(await sent({ propagateDeadline: true }, URL_, { token: new CancellationSource().token })).toEqual({});
    expect(await sent({ propagateDeadline: true }, URL_, { token: CancellationToken.none })).toEqual({});
  });

  it('S0-23: is the least of all that the call is under', async () => {
    const outer = new CancellationSource({ timeout: 500 });
    const init = { token: outer.token.child({ timeout: 900 }).token, signal: within(700).token };
    expect(await sent({ propagateDeadline: true }, URL_, init as TokenRequestInit)).toEqual({
      'connect-timeout-ms': '500',
    });
    const { token } = new CancellationSource({ timeout: 300 });
    const signal = new CancellationSource({ timeout: 200 }).token.signal;
    expect(await sent({ propagateDeadline: true }, URL_, { token, signal })).toEqual({ 'connect-timeout-ms': '200' });
  });

  it('goes by the name that was chosen, to gRPC in its own grammar', async () => {
    const rule = { propagateDeadline: true };
    expect(await sent({ ...rule, deadlineHeader: 'X-Timeout-Ms' }, URL_, within(80))).toEqual({ 'x-timeout-ms': '80' });
    expect(await sent({ ...rule, deadlineHeader: 'grpc-timeout' }, URL_, within(80))).toEqual({
      'grpc-timeout': '80m',
    });
  });

  it.each([
    ['50', '50'],
    ['100', '100'],
    ['101', '100'],
    ['soon', '100'],
    ['0', '100'],
  ])('is never more than what the caller wrote: %s becomes %s', async (written, told) => {
    const init = { ...within(100), headers: { 'Connect-Timeout-Ms': written } };
    expect(await sent({ propagateDeadline: true }, URL_, init)).toEqual({ 'connect-timeout-ms': told });
  });
});

describe('the other headers', () => {
  const expected = { traceparent: TRACE, 'x-a': '1', 'connect-timeout-ms': '9' };

  it.each<[string, HeadersInit]>([
    ['a record', { traceparent: TRACE, 'X-A': '1' }],
    [
      'pairs',
      [
        ['traceparent', TRACE],
        ['X-A', '1'],
      ],
    ],
    ['Headers', new Headers({ traceparent: TRACE, 'X-A': '1' })],
  ])('pass untouched: %s', async (_, headers) => {
    expect(await sent({ propagateDeadline: true }, URL_, { ...within(9), headers })).toEqual(expected);
  });

  it('pass untouched: those of a Request', async () => {
    const request = new Request(URL_, { headers: { traceparent: TRACE, 'x-a': '1' } });
    expect(await sent({ propagateDeadline: true }, request, within(9))).toEqual(expected);
    expect(await sent({ propagateDeadline: true }, request, { ...within(9), headers: { b: '2' } })).toEqual({
      b: '2',
      'connect-timeout-ms': '9',
    });
  });

  it('of the caller stay its own: what it passed is not written to', async () => {
    const headers = new Headers();
    await sent({ propagateDeadline: true }, URL_, { ...within(9), headers });
    expect([...headers]).toEqual([]);
  });
});

describe('a deadline', () => {
  it('S0-04: that passes cancels the call as any cancel does, with a TimeoutError', async () => {
    const source = new CancellationSource({ timeout: 50 });
    const answer = createFetch({ fetch: () => new Promise(() => {}) })(URL_, { token: source.token });
    clock.advance(50);
    await expect(answer).rejects.toBe(source.token.error);
    expect(source.token.error).toMatchObject({ name: 'TimeoutError', reason: 'TIMEOUT' });
  });

  it('does not come from a function that throws', async () => {
    const propagateDeadline = () => {
      throw new Error('mine');
    };
    await expect(sent({ propagateDeadline }, URL_, within(9))).rejects.toThrow('mine');
  });

  it('of a rule that is silent is never asked for', () => {
    expect([new DeadlineRule({}).silent, new DeadlineRule({ propagateDeadline: [] }).silent]).toEqual([true, false]);
  });
});
