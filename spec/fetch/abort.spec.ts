// The cases of the Web Platform Tests, fetch/api/abort, that make sense outside a browser, for a token and for a signal.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { createFetch, type TokenFetch, type TokenRequestInit } from '../../lib/fetch/index.ts';
import type { Visit } from './support/backend.ts';
import { type Wire, wires } from './support/wires.ts';

/** What begins a cancel, how a call is put under it, and what it rejects with then. */
interface Canceller {
  readonly init: TokenRequestInit;
  readonly reason: unknown;
  cancel(): void;
}

const cancellers: Readonly<Record<string, () => Canceller>> = {
  'a token': () => {
    const source = new CancellationSource();
    return {
      init: { token: source.token },
      get reason() {
        return source.token.error;
      },
      cancel: () => void source.cancel(),
    };
  },
  'a foreign signal': () => {
    const controller = new AbortController();
    return {
      init: { signal: controller.signal },
      get reason() {
        return controller.signal.reason;
      },
      cancel: () => controller.abort(),
    };
  },
  'a foreign signal whose reason is no error': () => {
    const controller = new AbortController();
    return { init: { signal: controller.signal }, reason: 'no more', cancel: () => controller.abort('no more') };
  },
};

function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`got ${String(value)}`),
    (error: unknown) => error,
  );
}

const READERS = ['arrayBuffer', 'blob', 'formData', 'json', 'text'] as const;

describe.each(Object.keys(wires))('%s', (wireName) => {
  let wire: Wire;
  let fetch: TokenFetch;
  let url: string;
  beforeEach(async () => {
    wire = await wires[wireName]!();
    url = wire.backend.url;
    fetch = createFetch({ fetch: wire.fetch });
  });
  afterEach(() => wire[Symbol.asyncDispose]());

  /** A response whose body has begun and does not end. */
  async function begun({ init }: Canceller): Promise<[Response, Visit]> {
    const answer = fetch(`${url}/body`, init);
    const visit = await wire.backend.visits.take();
    visit.head();
    visit.write('{');
    return [await answer, visit];
  }

  describe.each(Object.keys(cancellers))('under %s', (name) => {
    let canceller: Canceller;
    beforeEach(() => {
      canceller = cancellers[name]!();
    });

    it('a cancel rejects with the very reason, and the server hears of it', async () => {
      const answer = thrownBy(fetch(`${url}/hang`, canceller.init));
      const visit = await wire.backend.visits.take();
      canceller.cancel();
      expect(await answer).toBe(canceller.reason);
      expect(await visit.left).toBe(true);
    });

    it('cancelled already, it rejects and makes no request, however often', async () => {
      canceller.cancel();
      for (let i = 0; i < 3; i++) {
        expect(await thrownBy(fetch(`${url}/ok`, { ...canceller.init, method: 'POST', body: 'x' }))).toBe(
          canceller.reason,
        );
      }
      expect(wire.backend.hits).toBe(0);
    });

    it('one cancel aborts all fetches that are under way, after others have succeeded', async () => {
      await (await fetch(`${url}/ok`, canceller.init)).text();
      const answers = ['/a', '/b', '/c'].map((path) => thrownBy(fetch(url + path, canceller.init)));
      const visits = [await wire.backend.visits.take(), await wire.backend.visits.take()];
      visits.push(await wire.backend.visits.take());
      canceller.cancel();
      for (const answer of answers) expect(await answer).toBe(canceller.reason);
      for (const visit of visits) expect(await visit.left).toBe(true);
      expect(await (await fetch(`${url}/ok`)).text()).toBe('fine');
    });

    it.each(READERS)('response.%s() rejects when cancelled before', async (reader) => {
      const [response, visit] = await begun(canceller);
      canceller.cancel();
      expect(await thrownBy(response[reader]())).toBe(canceller.reason);
      expect(await visit.left).toBe(true);
    });

    it.each(READERS)('response.%s() rejects when cancelled while it reads', async (reader) => {
      const [response, visit] = await begun(canceller);
      const reading = thrownBy(response[reader]());
      canceller.cancel();
      expect(await reading).toBe(canceller.reason);
      expect(await visit.left).toBe(true);
    });

    it('a cancel after the response closes the connection or the stream, though nobody reads', async () => {
      const [, visit] = await begun(canceller);
      canceller.cancel();
      expect(await visit.left).toBe(true);
    });

    it('the stream of a body errors once cancelled', async () => {
      const [response, visit] = await begun(canceller);
      const reader = response.body!.getReader();
      canceller.cancel();
      expect(await thrownBy(reader.read())).toBe(canceller.reason);
      expect(await thrownBy(reader.closed)).toBe(canceller.reason);
      expect(await visit.left).toBe(true);
    });

    it('the stream of a body errors once cancelled, after some of it was read', async () => {
      const [response] = await begun(canceller);
      const reader = response.body!.getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe('{');
      const next = thrownBy(reader.read());
      canceller.cancel();
      expect(await next).toBe(canceller.reason);
    });

    it('a body that has been read whole does not care', async () => {
      const response = await fetch(`${url}/ok`, canceller.init);
      expect(await response.text()).toBe('fine');
      canceller.cancel();
      expect(response.status).toBe(200);
    });

    it('a response without a body does not care', async () => {
      const response = await fetch(`${url}/empty`, canceller.init);
      canceller.cancel();
      expect([response.body, await response.text()]).toEqual([null, '']);
    });

    it('a request body that is a stream is cancelled with the reason, at once, when the cancel came first', async () => {
      const cancelled: unknown[] = [];
      const body = new ReadableStream({ cancel: (reason) => void cancelled.push(reason) });
      canceller.cancel();
      const init = { ...canceller.init, method: 'POST', body, duplex: 'half' };
      const answer = thrownBy(fetch(`${url}/ok`, init));
      expect(cancelled).toEqual([canceller.reason]);
      await answer;
    });

    it('an upload that is under way is broken off', async () => {
      const body = new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('part')) });
      const init = { ...canceller.init, method: 'POST', body, duplex: 'half' };
      const answer = thrownBy(fetch(`${url}/up`, init));
      const visit = await wire.backend.visits.take();
      canceller.cancel();
      expect(await answer).toBe(canceller.reason);
      expect(await visit.left).toBe(true);
    });
  });
});

describe('what a Request brings', () => {
  let wire: Wire;
  let url: string;
  const fetch = createFetch();
  beforeEach(async () => {
    wire = await wires["Node's fetch over HTTP/1.1"]!();
    url = wire.backend.url;
  });
  afterEach(() => wire[Symbol.asyncDispose]());

  async function rejection(input: Request, init: TokenRequestInit | undefined, cancel: () => void): Promise<unknown> {
    const answer = thrownBy(fetch(input, init));
    const visit = await wire.backend.visits.take();
    cancel();
    const error = await answer;
    expect(await visit.left).toBe(true);
    return error;
  }

  it('its signal aborts the call', async () => {
    const controller = new AbortController();
    const request = new Request(`${url}/hang`, { signal: controller.signal });
    expect(await rejection(request, undefined, () => controller.abort())).toBe(controller.signal.reason);
  });

  it('its signal aborts the call beside a token', async () => {
    const [controller, source] = [new AbortController(), new CancellationSource()];
    const request = new Request(`${url}/hang`, { signal: controller.signal });
    expect(await rejection(request, { token: source.token }, () => controller.abort())).toBe(controller.signal.reason);
    const again = new Request(`${url}/hang`, { signal: new AbortController().signal });
    expect(await rejection(again, { token: source.token }, () => source.cancel())).toBe(source.token.error);
  });

  it('its signal is inherited by a Request made of it', async () => {
    const controller = new AbortController();
    const request = new Request(new Request(`${url}/hang`, { signal: controller.signal }));
    expect(await rejection(request, undefined, () => controller.abort('over'))).toBe('over');
  });

  it('init.signal stands in for it', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    const request = new Request(`${url}/hang`, { signal: first.signal });
    const cancel = () => {
      first.abort();
      second.abort('second');
    };
    expect(await rejection(request, { signal: second.signal }, cancel)).toBe('second');
  });

  it('init.signal of null takes it away', async () => {
    const controller = new AbortController();
    const request = new Request(`${url}/ok`, { signal: controller.signal });
    controller.abort();
    expect(await (await fetch(request, { signal: null })).text()).toBe('fine');
  });

  it('it is used, also when the signal was aborted before', async () => {
    const request = new Request(`${url}/ok`, { method: 'POST', body: 'x', signal: AbortSignal.abort('before') });
    expect(await thrownBy(fetch(request))).toBe('before');
    expect(request.bodyUsed).toBe(true);
    expect(wire.backend.hits).toBe(0);
  });

  it('its method, headers and body arrive, under a token too', async () => {
    const { token } = new CancellationSource();
    const request = new Request(`${url}/echo`, { method: 'PUT', body: 'text', headers: { 'x-a': '1' } });
    const answer = fetch(request, { token, headers: { 'x-b': '2' } });
    const visit = await wire.backend.visits.take();
    expect([visit.method, visit.headers['x-a'], visit.headers['x-b'], await visit.body]).toEqual([
      'PUT',
      undefined,
      '2',
      'text',
    ]);
    visit.end('done');
    const response = await answer;
    expect([response.url, await response.text(), request.bodyUsed]).toEqual([`${url}/echo`, 'done', true]);
  });

  it('it may be the init of another URL', async () => {
    const { token } = new CancellationSource();
    const init = new Request('http://elsewhere.example', { method: 'POST', body: 'text', headers: { 'x-a': '1' } });
    const answer = fetch(`${url}/echo`, Object.assign(init, { token }));
    const visit = await wire.backend.visits.take();
    expect([visit.method, visit.headers['x-a'], await visit.body]).toEqual(['POST', '1', 'text']);
    visit.end();
    await (await answer).text();
  });
});

describe('a malformed request', () => {
  const source = new CancellationSource();
  source.cancel();

  it.each<[string, string, TokenRequestInit]>([
    ['a URL that is none', 'http://:0', {}],
    ['credentials in the URL', 'http://user:pass@127.0.0.1', {}],
    ['a forbidden method', 'http://127.0.0.1', { method: 'TRACE' }],
    ['a method that is none', 'http://127.0.0.1', { method: 'A B' }],
    ['a body with GET', 'http://127.0.0.1', { body: 'x' }],
    ['a header that is none', 'http://127.0.0.1', { headers: { 'a b': '1' } }],
    ['an unknown mode', 'http://127.0.0.1', { mode: 'none' as RequestMode }],
    ['a window', 'http://127.0.0.1', { window: 'x' as unknown as null }],
  ])('is a TypeError before it is a cancel: %s', async (_, url, init) => {
    expect(await thrownBy(createFetch()(url, { ...init, token: source.token }))).toBeInstanceOf(TypeError);
  });
});
