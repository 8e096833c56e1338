import { AsyncResource } from 'node:async_hooks';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Agent,
  Client,
  type Dispatcher,
  getGlobalDispatcher,
  interceptors,
  pipeline,
  request,
  setGlobalDispatcher,
  stream,
  upgrade,
} from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cancellation } from '../../lib/adapters/undici.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, isCancellation, reasonOf, snapshot } from '../../lib/core/index.ts';
import { createFetch } from '../../lib/fetch/index.ts';
import { tokenOf } from '../../lib/server/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { Backend } from '../fetch/support/backend.ts';
import { gate, Inbox } from '../server/support/gate.ts';

let backend: Backend;
let agent: Agent;
let before: Dispatcher;
beforeEach(async () => {
  backend = await Backend.start();
  agent = new Agent();
  before = getGlobalDispatcher();
  setGlobalDispatcher(agent.compose(cancellation({ propagateDeadline: ['127.0.0.1'] })));
});
afterEach(async () => {
  setGlobalDispatcher(before);
  await agent.destroy();
  await backend[Symbol.asyncDispose]();
});

function thrownBy(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => expect.unreachable(`got ${String(value)}`),
    (error: Error) => error,
  );
}

/** The errors from one to its last cause. */
function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  for (let at = error; at !== undefined; at = (at as Error).cause) found.push(at);
  return found;
}

describe('a request under the current token', () => {
  const ways: [string, (url: string) => Promise<unknown>][] = [
    ['fetch', (url) => fetch(url, { method: 'POST', body: 'x' })],
    ['request', (url) => request(url)],
    ['stream', (url) => stream(url, { method: 'GET' }, () => process.stderr)],
    ['pipeline', (url) => piped(url)],
  ];

  function piped(url: string): Promise<unknown> {
    return new Promise((_, reject) => {
      pipeline(url, { method: 'GET' }, ({ body }) => body)
        .on('error', reject)
        .end();
    });
  }

  it.each(ways)('%s: is aborted with it, and says why', async (_, send) => {
    const source = new CancellationSource();
    const answer = thrownBy(runWithToken(source.token, () => send(`${backend.url}/hang`)));
    const visit = await backend.visits.take();
    source.cancel('SHUTDOWN', { description: 'enough' });
    const error = await answer;
    expect(reasonOf(error)).toBe('SHUTDOWN');
    expect(causes(error).at(-1)).toBe(source.token.error);
    expect(await visit.left).toBe(true);
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it.each(ways)('%s: is not sent when it is cancelled already', async (_, send) => {
    const token = CancellationToken.cancelled('TIMEOUT');
    const error = await thrownBy(runWithToken(token, () => send(`${backend.url}/hang`)));
    expect(causes(error).at(-1)).toBe(token.error);
    expect(backend.hits).toBe(0);
  });

  it('fails as fetch does, with a CancellationError for a cause', async () => {
    const token = CancellationToken.cancelled();
    const error = await thrownBy(runWithToken(token, () => fetch(`${backend.url}/ok`)));
    expect(error).toBeInstanceOf(TypeError);
    expect(isCancellation(error.cause)).toBe(true);
    expect((error.cause as Error).cause).toBe(token.error);
  });

  it('ends its body with the reason', async () => {
    const source = new CancellationSource();
    const answer = runWithToken(source.token, () => fetch(`${backend.url}/body`));
    const visit = await backend.visits.take();
    visit.head();
    visit.write('1');
    const reading = thrownBy((await answer).text());
    source.cancel();
    expect(causes(await reading).at(-1)).toBe(source.token.error);
    expect(await visit.left).toBe(true);
  });

  it('still hears of its own signal', async () => {
    const [source, controller] = [new CancellationSource(), new AbortController()];
    const init = { signal: controller.signal };
    const answer = thrownBy(runWithToken(source.token, () => fetch(`${backend.url}/hang`, init)));
    const visit = await backend.visits.take();
    controller.abort('mine');
    expect(await answer).toBe('mine');
    expect(await visit.left).toBe(true);
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('rejects with the token’s own error where createFetch is asked', async () => {
    const source = new CancellationSource();
    const answer = thrownBy(runWithToken(source.token, () => createFetch()(`${backend.url}/hang`)));
    const visit = await backend.visits.take();
    source.cancel();
    expect(await answer).toBe(source.token.error);
    expect(await visit.left).toBe(true);
  });

  it('is left alone under none, and outside', async () => {
    const source = new CancellationSource();
    const opted = runWithToken(source.token, () =>
      runWithToken(CancellationToken.none, () => fetch(`${backend.url}/a`)),
    );
    const outside = fetch(`${backend.url}/b`);
    const visits = [await backend.visits.take(), await backend.visits.take()];
    source.cancel();
    for (const visit of visits) visit.end('done');
    expect(await Promise.all([opted, outside].map(async (answer) => (await answer).text()))).toEqual(['done', 'done']);
  });

  it('leaves no callback behind: 2,000 of them', async () => {
    const { token } = new CancellationSource();
    const worker = async () => {
      for (let i = 0; i < 100; i++) await (await request(`${backend.url}/ok`)).body.text();
    };
    await runWithToken(token, () => Promise.all(Array.from({ length: 20 }, worker)));
    expect([backend.hits, snapshot(token).callbacks, snapshot(token).children]).toEqual([2_000, 0, []]);
  });

  it('leaves no callback behind when it fails', async () => {
    const { token } = new CancellationSource();
    const { url } = await Backend.start().then(async (gone) => {
      await gone[Symbol.asyncDispose]();
      return gone;
    });
    expect(await thrownBy(runWithToken(token, () => fetch(url)))).toBeInstanceOf(TypeError);
    expect(snapshot(token).callbacks).toBe(0);
  });

  it('leaves no callback behind when it cannot even be dispatched, and is told of one end', async () => {
    const source = new CancellationSource();
    const throwing = (before: () => void) =>
      agent.compose(
        () => () => {
          before();
          throw new Error('mine');
        },
        cancellation(),
      );
    const answer = runWithToken(source.token, () =>
      throwing(() => {}).request({ origin: backend.url, path: '/', method: 'GET' }),
    );
    expect(await thrownBy(answer)).toMatchObject({ message: 'mine' });
    expect(snapshot(source.token).callbacks).toBe(0);
    const cancelled = runWithToken(source.token, () =>
      throwing(() => source.cancel()).request({ origin: backend.url, path: '/', method: 'GET' }),
    );
    expect(reasonOf(await thrownBy(cancelled))).toBe('CANCELLED');
  });

  it('is not tried again by a retry', async () => {
    setGlobalDispatcher(agent.compose(cancellation(), interceptors.retry({ maxRetries: 3, minTimeout: 1 })));
    const source = new CancellationSource();
    const answer = thrownBy(runWithToken(source.token, () => request(`${backend.url}/hang`)));
    await backend.visits.take();
    source.cancel();
    expect(reasonOf(await answer)).toBe('CANCELLED');
    expect(reasonOf(await thrownBy(runWithToken(source.token, () => request(`${backend.url}/hang`))))).toBe(
      'CANCELLED',
    );
    expect(backend.hits).toBe(1);
  });
});

describe('a request that waits for its turn', () => {
  it('fails at once when it is cancelled, is never sent, and holds nobody up', async () => {
    const client = new Client(backend.url, { pipelining: 1 });
    try {
      const dispatcher = client.compose(cancellation());
      const first = dispatcher.request({ path: '/first', method: 'GET' });
      const visit = await backend.visits.take();
      const source = new CancellationSource();
      const second = runWithToken(source.token, () => dispatcher.request({ path: '/second', method: 'GET' }));
      const third = dispatcher.request({ path: '/third', method: 'GET' });
      source.cancel();
      expect(causes(await thrownBy(second)).at(-1)).toBe(source.token.error);
      visit.end('first');
      expect(await (await first).body.text()).toBe('first');
      const next = await backend.visits.take();
      expect(next.path).toBe('/third');
      next.end('third');
      expect(await (await third).body.text()).toBe('third');
      expect(backend.hits).toBe(2);
    } finally {
      await client.destroy();
    }
  });
});

describe('a cancel between two requests, of which an interceptor below makes one', () => {
  /** What waits for another try, and the dispatcher that tries. */
  function retrying() {
    const waiting = gate<() => void>();
    const retry = interceptors.retry({ retry: (_error, _context, again) => waiting.open(() => again(null)) });
    return { waiting, dispatcher: agent.compose(retry, cancellation()) };
  }

  it('ends a retry, which sends nothing more', async () => {
    const { waiting, dispatcher } = retrying();
    const source = new CancellationSource();
    const answer = thrownBy(runWithToken(source.token, () => request(`${backend.url}/flaky`, { dispatcher })));
    const visit = await backend.visits.take();
    visit.head(503);
    visit.end();
    const retry = await waiting.opened;
    source.cancel();
    expect(causes(await answer).at(-1)).toBe(source.token.error);
    retry();
    expect(await (await request(`${backend.url}/ok`)).body.text()).toBe('fine');
    expect([backend.hits, backend.visits.size]).toEqual([2, 0]);
  });

  it('ends a body, and the request that brings the rest of it', async () => {
    const { waiting, dispatcher } = retrying();
    const source = new CancellationSource();
    const answer = runWithToken(source.token, () => request(`${backend.url}/long`, { dispatcher }));
    const first = await backend.visits.take();
    first.head(200, { 'content-length': '4', etag: '"1"' });
    first.write('12');
    const reading = thrownBy((await answer).body.text());
    first.drop();
    const retry = await waiting.opened;
    source.cancel();
    expect(causes(await reading).at(-1)).toBe(source.token.error);
    retry();
    const second = await backend.visits.take();
    second.head(206, { 'content-range': 'bytes 2-3/4', etag: '"1"' });
    second.write('3');
    expect(await second.left).toBe(true);
  });

  it('ends a redirect, whose next hop waits for its turn', async () => {
    const one = new Agent({ connections: 1 });
    await using other = await Backend.start();
    const dispatcher = one.compose(interceptors.redirect({ maxRedirections: 1 }), cancellation());
    const source = new CancellationSource();
    const busy = request(`${other.url}/busy`, { dispatcher: one });
    const held = await other.visits.take();
    const answer = thrownBy(runWithToken(source.token, () => request(`${backend.url}/moved`, { dispatcher })));
    const visit = await backend.visits.take();
    visit.head(302, { location: `${other.url}/there` });
    visit.end();
    await (await request(`${backend.url}/ok`, { dispatcher: one })).body.text();
    source.cancel();
    expect(causes(await answer).at(-1)).toBe(source.token.error);
    held.end('busy');
    expect(await (await busy).body.text()).toBe('busy');
    await (await request(`${other.url}/ok`, { dispatcher: one })).body.text();
    expect([other.hits, other.visits.size]).toEqual([2, 0]);
    await one.destroy();
  });
});

describe('a connection that was upgraded', () => {
  it('is left alone', async () => {
    const server = createServer().on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
      socket.on('error', () => {}).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const source = new CancellationSource();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { socket } = await runWithToken(source.token, () => upgrade(url, { protocol: 'echo' }));
    expect(snapshot(source.token).callbacks).toBe(0);
    source.cancel();
    socket.write('still here');
    expect(String(await new Promise((resolve) => socket.once('data', resolve)))).toBe('still here');
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('the remaining time', () => {
  let clock: ReturnType<typeof fakeClock>;
  beforeEach(() => {
    clock = fakeClock();
  });
  afterEach(() => clock[Symbol.dispose]());

  /** The headers that a request reaches the dispatcher with. */
  async function sent(headers: Dispatcher.DispatchOptions['headers'], origin: string | URL = 'http://127.0.0.1') {
    let dispatched: Dispatcher.DispatchOptions | undefined;
    const dispatch = cancellation({ propagateDeadline: ['127.0.0.1'] })((options) => {
      dispatched = options;
      return true;
    });
    const { token } = new CancellationSource({ timeout: 1_000 });
    runWithToken(token, () => dispatch({ origin, path: '/p', method: 'GET', headers: headers ?? null }, {}));
    return dispatched?.headers;
  }

  it('is written into headers of any shape, which keep it', async () => {
    const stamp = { 'connect-timeout-ms': '1000' };
    expect(await sent(null)).toEqual(stamp);
    expect(await sent({ a: '1', b: ['2', '3'] })).toEqual({ a: '1', b: ['2', '3'], ...stamp });
    expect(await sent(['a', '1', 'a', '2'])).toEqual(['a', '1', 'a', '2', 'connect-timeout-ms', '1000']);
    expect(await sent(new Map([['a', '1']]))).toEqual(['a', '1', 'connect-timeout-ms', '1000']);
    expect(await sent(new Headers({ a: '1' }))).toEqual(['a', '1', 'connect-timeout-ms', '1000']);
  });

  it('takes the place of more, and gives way to less', async () => {
    expect(await sent({ 'Connect-Timeout-Ms': '2000' })).toEqual({ 'connect-timeout-ms': '1000' });
    expect(await sent({ 'Connect-Timeout-Ms': '500' })).toEqual({ 'Connect-Timeout-Ms': '500' });
    expect(await sent(['connect-timeout-ms', 'x', 'a', '1'])).toEqual(['a', '1', 'connect-timeout-ms', '1000']);
  });

  it('goes to no stranger', async () => {
    expect(await sent({}, 'http://localhost')).toEqual({});
    expect(await sent({}, new URL('http://127.0.0.1:81/'))).toEqual({ 'connect-timeout-ms': '1000' });
  });

  it('is judged by the whole URL', () => {
    const seen: string[] = [];
    const propagateDeadline = ({ href }: URL) => seen.push(href) < 0;
    const dispatch = cancellation({ propagateDeadline })(() => true);
    const { token } = new CancellationSource({ timeout: 1_000 });
    for (const [origin, path] of [
      ['http://a.example', '/p?q=1'],
      ['http://a.example/', '//b.example/p'],
      ['http://a.example', '*'],
    ]) {
      runWithToken(token, () => dispatch({ origin: origin!, path: path!, method: 'GET' }, {}));
    }
    expect(seen).toEqual(['http://a.example/p?q=1', 'http://a.example//b.example/p', 'http://a.example/']);
  });

  it('is not handed on to a stranger by a redirect, with traceparent or without', async () => {
    const stranger = await Backend.start();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    try {
      const { token } = new CancellationSource({ timeout: 60_000 });
      setGlobalDispatcher(agent.compose(cancellation({ propagateDeadline: [new URL(backend.url).host] })));
      const answer = runWithToken(token, () => fetch(`${backend.url}/redirect`, { headers: { traceparent } }));
      const first = await backend.visits.take();
      first.head(302, { location: `${stranger.url}/there` });
      first.end();
      const second = await stranger.visits.take();
      second.end('there');
      expect(await (await answer).text()).toBe('there');
      expect(first.headers).toMatchObject({ 'connect-timeout-ms': '60000', traceparent });
      expect(second.headers).toMatchObject({ traceparent });
      expect(second.headers).not.toHaveProperty('connect-timeout-ms');
    } finally {
      await stranger[Symbol.asyncDispose]();
    }
  });
});

/** What is called later, under what is current now. */
const asATimer = (fn: () => void): (() => void) => AsyncResource.bind(fn);

describe('composed with interceptors that make requests of their own', () => {
  const rule = () => cancellation({ propagateDeadline: [new URL(backend.url).host] });

  /** What the second host of a redirect is told. */
  async function strangerIsTold(...order: Dispatcher.DispatcherComposeInterceptor[]) {
    await using stranger = await Backend.start();
    using source = new CancellationSource({ timeout: 60_000 });
    const dispatcher = agent.compose(...order);
    const answer = runWithToken(source.token, () => request(`${backend.url}/moved`, { dispatcher }));
    const first = await backend.visits.take();
    first.head(302, { location: `${stranger.url}/there` });
    first.end();
    const second = await stranger.visits.take();
    second.end();
    await (await answer).body.text();
    expect(first.headers).toHaveProperty('connect-timeout-ms');
    return 'connect-timeout-ms' in second.headers;
  }

  it('before a redirect it tells no stranger; after it, what it has told goes on', async () => {
    const redirect = interceptors.redirect({ maxRedirections: 1 });
    expect(await strangerIsTold(rule(), redirect)).toBe(false);
    expect(await strangerIsTold(redirect, rule())).toBe(true);
  });

  it('each hop goes under the token of its call, whoever has opened the connection', async () => {
    const one = new Agent({ connections: 1 });
    const dispatcher = one.compose(cancellation(), interceptors.redirect({ maxRedirections: 1 }));
    const [opener, source] = [new CancellationSource(), new CancellationSource()];
    await (await runWithToken(opener.token, () => request(`${backend.url}/ok`, { dispatcher }))).body.text();
    opener.cancel();
    const answer = thrownBy(runWithToken(source.token, () => request(`${backend.url}/moved`, { dispatcher })));
    const first = await backend.visits.take();
    first.head(302, { location: '/there' });
    first.end();
    const second = await backend.visits.take();
    source.cancel('SHUTDOWN');
    expect(causes(await answer).at(-1)).toBe(source.token.error);
    expect(await second.left).toBe(true);
    await one.destroy();
  });

  it('before a retry it tells each try what is left; a second one after it ends the wait for another', async () => {
    using clock = fakeClock();
    const again = new Inbox<() => void>();
    const retry = interceptors.retry({ retry: (_error, _context, next) => again.put(asATimer(() => next(null))) });
    const dispatcher = agent.compose(rule(), retry, cancellation());
    const source = new CancellationSource({ timeout: 1_000 });
    const answer = thrownBy(runWithToken(source.token, () => request(`${backend.url}/flaky`, { dispatcher })));
    const told: unknown[] = [];
    const failing = async () => {
      const visit = await backend.visits.take();
      told.push(visit.headers['connect-timeout-ms']);
      visit.head(503);
      visit.end();
      return again.take();
    };
    const next = await failing();
    clock.advance(300);
    next();
    await failing();
    source.cancel();
    expect(causes(await answer).at(-1)).toBe(source.token.error);
    expect(told).toEqual(['1000', '700']);
  });
});

describe('an existing service', () => {
  it('S1-12: stops what its handler asked others for when its own caller leaves, with no code in the handler', async () => {
    const failed = gate<unknown>();
    const handler = async (): Promise<string> => (await fetch(`${backend.url}/downstream`)).text();
    const service = createServer((req, res) => {
      runWithToken(tokenOf(req, res), handler).then(
        (text) => res.end(text),
        (error) => failed.open(error),
      );
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    const caller = new AbortController();
    const url = `http://127.0.0.1:${(service.address() as AddressInfo).port}/`;
    const answer = thrownBy(fetch(url, { signal: caller.signal }));
    const visit = await backend.visits.take();
    caller.abort();
    expect(await visit.left).toBe(true);
    expect(reasonOf(await failed.opened)).toBe('PEER_CLOSED');
    expect((await answer).name).toBe('AbortError');
    await new Promise((resolve) => service.close(resolve));
  });
});

describe('misuse', () => {
  it('names the option', () => {
    expect(() => cancellation({ propagateDeadline: 1 as unknown as boolean })).toThrow('`propagateDeadline`');
    expect(() => cancellation({ deadlineHeader: '' })).toThrow('`deadlineHeader`');
  });
});
