import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationError, CancellationSource, CancellationToken, snapshot } from '../../lib/core/index.ts';
import { createFetch, type FetchOptions, type TokenRequestInit } from '../../lib/fetch/index.ts';
import { run } from '../../lib/task/index.ts';
import { gate } from '../server/support/gate.ts';
import { Backend } from './support/backend.ts';

let backend: Backend;
beforeEach(async () => {
  backend = await Backend.start();
});
afterEach(() => backend[Symbol.asyncDispose]());

function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`got ${String(value)}`),
    (error: unknown) => error,
  );
}

/** What a call under `init` rejects with when `cancel` is called while the server works on it. */
async function stopped(fetch: typeof globalThis.fetch, init: TokenRequestInit | undefined, cancel: () => void) {
  const answer = thrownBy(fetch(`${backend.url}/hang`, init));
  const visit = await backend.visits.take();
  cancel();
  expect(await visit.left).toBe(true);
  return answer;
}

/** That a call goes through, unharmed by the cancels that have been. */
async function goesOn(answer: Promise<Response>): Promise<void> {
  const visit = await backend.visits.take();
  visit.end('done');
  expect(await (await answer).text()).toBe('done');
}

describe('the token of a call', () => {
  it('is the one in init', async () => {
    const source = new CancellationSource();
    const error = await stopped(createFetch(), { token: source.token }, () => source.cancel('SHUTDOWN'));
    expect(error).toBe(source.token.error);
    expect(error).toMatchObject({ reason: 'SHUTDOWN', name: 'AbortError' });
  });

  it('is the current one where init has none', async () => {
    const source = new CancellationSource();
    const error = await runWithToken(source.token, () => stopped(createFetch(), undefined, () => source.cancel()));
    expect(error).toBe(source.token.error);
  });

  it('is the one that the fetch was made with, in place of the current one', async () => {
    const [current, standing] = [new CancellationSource(), new CancellationSource()];
    const fetch = createFetch({ token: standing.token });
    const answer = runWithToken(current.token, () => fetch(`${backend.url}/a`));
    current.cancel();
    await goesOn(answer);
    expect(await stopped(fetch, undefined, () => standing.cancel())).toBe(standing.token.error);
  });

  it('in init stands in for all others', async () => {
    const [current, standing, own] = [new CancellationSource(), new CancellationSource(), new CancellationSource()];
    const fetch = createFetch({ token: standing.token });
    const answer = runWithToken(current.token, () => fetch(`${backend.url}/a`, { token: own.token }));
    current.cancel();
    standing.cancel();
    await goesOn(answer);
  });

  it.each<[string, FetchOptions, TokenRequestInit | undefined]>([
    ['for one call', {}, { token: CancellationToken.none }],
    ['for one fetch', { token: CancellationToken.none }, undefined],
  ])('none opts out of the current one, %s', async (_, options, init) => {
    const source = new CancellationSource();
    const answer = runWithToken(source.token, () => createFetch(options)(`${backend.url}/a`, init));
    source.cancel();
    await goesOn(answer);
  });

  it('may be a signal', async () => {
    const controller = new AbortController();
    const reason = new Error('why');
    const error = await stopped(createFetch(), { token: controller.signal }, () => controller.abort(reason));
    expect(error).toBe(reason);
  });

  it('counts beside init.signal: the first of them gives the reason', async () => {
    const both = () => [new CancellationSource(), new AbortController()] as const;
    for (const first of ['token', 'signal']) {
      const [source, controller] = both();
      const init = { token: source.token, signal: controller.signal };
      const error = await stopped(createFetch(), init, () => {
        if (first === 'signal') controller.abort('signal');
        source.cancel();
        controller.abort('too late');
      });
      expect(error).toBe(first === 'signal' ? 'signal' : source.token.error);
    }
  });

  it('S2-04: one cancel stops a fetch and closes its connection, and whatever else has the token', async () => {
    const source = new CancellationSource();
    const computing = run((token) => new Promise((_, reject) => token.onCancel(reject)), { token: source.token });
    const error = await stopped(createFetch(), { token: source.token }, () => source.cancel());
    expect(error).toBe(source.token.error);
    expect(await computing).toEqual({ kind: 'stopped', error });
  });

  it('S2-07: is at home where signals are: the fetch of the platform takes its signal', async () => {
    const source = new CancellationSource();
    const error = await stopped(fetch, { signal: source.token.signal }, () => source.cancel());
    expect(error).toBe(source.token.error);
  });

  it('S3-38: reaches each of the expensive steps that a handler hands it to', async () => {
    const source = new CancellationSource();
    const get = createFetch();
    const steps = ['/a', '/b', '/c'].map((path) => thrownBy(get(backend.url + path, { token: source.token })));
    const visits = [await backend.visits.take(), await backend.visits.take(), await backend.visits.take()];
    source.cancel('PEER_CLOSED');
    expect(await Promise.all(steps)).toEqual(steps.map(() => source.token.error));
    expect(await Promise.all(visits.map((visit) => visit.left))).toEqual([true, true, true]);
  });
});

describe('a call', () => {
  it('under nothing that can be cancelled goes to the wrapped fetch as it is', async () => {
    const seen: unknown[] = [];
    const fetch = createFetch({
      fetch: async (...call) => {
        seen.push(...call);
        return new Response('x');
      },
    });
    const init = { headers: { a: 'b' } };
    await fetch('http://a.example/', init);
    expect(seen[0]).toBe('http://a.example/');
    expect(seen[1]).toBe(init);
  });

  it('hands the wrapped fetch all that it was given, and one signal of its own for each call', async () => {
    const seen: RequestInit[] = [];
    const fetch = createFetch({
      fetch: async (_, init) => {
        seen.push(init as RequestInit);
        return new Response('x');
      },
    });
    const source = new CancellationSource();
    const init = {
      token: source.token,
      method: 'POST',
      body: 'b',
      keepalive: true,
      redirect: 'error' as const,
      headers: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    };
    for (let i = 0; i < 2; i++) await (await fetch('http://a.example/', init)).text();
    expect(seen[0]).toMatchObject(init);
    expect(seen[0]!.signal).not.toBe(seen[1]!.signal);
    expect(seen.map(({ signal }) => signal)).not.toContain(source.token.signal);
  });

  it('S0-15: that is cancelled already never reaches the wrapped fetch', async () => {
    let calls = 0;
    const fetch = createFetch({
      fetch: async () => {
        calls++;
        return new Response();
      },
    });
    const token = CancellationToken.cancelled('TIMEOUT', { description: 'too slow' });
    expect(await thrownBy(fetch('http://a.example/', { token }))).toBe(token.error);
    expect(await thrownBy(fetch('http://a.example/', { signal: AbortSignal.abort('no') }))).toBe('no');
    expect(await thrownBy(runWithToken(token, () => fetch('http://a.example/')))).toBe(token.error);
    expect(calls).toBe(0);
  });

  it('of a path alone is for the wrapped fetch to understand', async () => {
    const fetch = createFetch({
      fetch: async (input) => new Response(`mine: ${input}`),
      propagateDeadline: ['a.example'],
    });
    using source = new CancellationSource({ timeout: 60_000 });
    const { token } = source;
    expect(await (await fetch('/path', { token })).text()).toBe('mine: /path');
    source.cancel();
    expect(await thrownBy(fetch('/path', { token }))).toBe(token.error);
    expect(await thrownBy(createFetch()('/path', { token }))).toBeInstanceOf(TypeError);
  });

  it('of a Request keeps where it comes from, unless init says so', async () => {
    const seen: Request[] = [];
    const fetch = createFetch({
      fetch: async (...call) => {
        seen.push(new Request(...call));
        return new Response();
      },
    });
    const from = (page: string) => ({ referrer: `http://a.example/${page}`, referrerPolicy: 'unsafe-url' as const });
    const { token } = new CancellationSource();
    await fetch(new Request('http://a.example/', from('one')), { token });
    await fetch(new Request('http://a.example/', from('one')), { token, ...from('two') });
    await fetch(new Request('http://a.example/'), { token });
    expect(seen.map(({ referrer, referrerPolicy }) => [referrer, referrerPolicy])).toEqual([
      ['http://a.example/one', 'unsafe-url'],
      ['http://a.example/two', 'unsafe-url'],
      ['about:client', ''],
    ]);
  });

  it('rejects at once when the wrapped fetch ignores its signal, and gives up what comes late', async () => {
    const { opened, open } = gate<Response>();
    const cancelled = gate<unknown>();
    const source = new CancellationSource();
    const answer = thrownBy(createFetch({ fetch: () => opened })('http://a.example/', { token: source.token }));
    source.cancel();
    expect(await answer).toBe(source.token.error);
    open(new Response(new ReadableStream({ cancel: (reason) => cancelled.open(reason) })));
    expect(await cancelled.opened).toBe(source.token.error);
  });

  it('rejects with the reason when the wrapped fetch has an AbortError of its own', async () => {
    const source = new CancellationSource();
    const fetch = createFetch({
      fetch: (_, init) =>
        new Promise((_, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new Error('The user aborted a request.')));
        }),
    });
    const answer = thrownBy(fetch('http://a.example/', { token: source.token }));
    source.cancel();
    expect(await answer).toBe(source.token.error);
  });

  it('passes on what else the wrapped fetch fails with, and lets go of the token', async () => {
    const { token } = new CancellationSource();
    const failure = new TypeError('fetch failed');
    const failing = [
      () => Promise.reject(failure),
      () => {
        throw failure;
      },
    ];
    for (const fetch of failing) {
      expect(await thrownBy(createFetch({ fetch })('http://a.example/', { token }))).toBe(failure);
      expect(snapshot(token).callbacks).toBe(0);
    }
  });

  it('tells the wrapped fetch of the abort before the caller, and once', async () => {
    const told: string[] = [];
    const source = new CancellationSource();
    const signal = new AbortController();
    const fetch = createFetch({
      fetch: (_, init) => {
        init?.signal?.addEventListener('abort', () => told.push('fetch'));
        return new Promise(() => {});
      },
    });
    const answer = fetch('http://a.example/', { token: source.token, signal: signal.signal }).catch(() =>
      told.push('caller'),
    );
    source.cancel();
    signal.abort();
    source.cancel();
    await answer;
    expect(told).toEqual(['fetch', 'caller']);
  });

  it('takes the fetch that is global at the time of the call', async () => {
    const fetch = createFetch();
    const before = globalThis.fetch;
    globalThis.fetch = async () => new Response('replaced');
    try {
      expect(await (await fetch('http://a.example/')).text()).toBe('replaced');
    } finally {
      globalThis.fetch = before;
    }
  });

  it('may be made the global fetch, twice even, and be called by what takes its place', async () => {
    const before = globalThis.fetch;
    const { token } = new CancellationSource();
    const seen: unknown[] = [];
    try {
      globalThis.fetch = createFetch();
      globalThis.fetch = createFetch();
      const installed = globalThis.fetch;
      expect(await (await globalThis.fetch(`${backend.url}/ok`)).text()).toBe('fine');
      globalThis.fetch = async (input, init) => {
        seen.push(input);
        return installed(input, init);
      };
      for (const init of [{}, { token } as RequestInit]) {
        expect(await (await globalThis.fetch(`${backend.url}/ok`, init)).text()).toBe('fine');
      }
      const late = createFetch();
      expect(await (await late(`${backend.url}/ok`, { token })).text()).toBe('fine');
      expect([seen.length, backend.hits]).toEqual([3, 4]);
    } finally {
      globalThis.fetch = before;
    }
  });

  it('that was global before its first call is known for it', async () => {
    const before = globalThis.fetch;
    try {
      const installed = createFetch();
      globalThis.fetch = installed;
      await undefined;
      globalThis.fetch = async (...call) => installed(...call);
      expect(await (await globalThis.fetch(`${backend.url}/ok`)).text()).toBe('fine');
    } finally {
      globalThis.fetch = before;
    }
  });

  it('may go through two such fetches: either cancels it, and both let go', async () => {
    for (const first of [0, 1] as const) {
      const sources = [new CancellationSource(), new CancellationSource()] as const;
      const fetch = createFetch({ token: sources[0].token, fetch: createFetch({ token: sources[1].token }) });
      expect(await (await fetch(`${backend.url}/ok`)).text()).toBe('fine');
      expect(sources.map(({ token }) => snapshot(token).callbacks)).toEqual([0, 0]);
      expect(await stopped(fetch, undefined, () => sources[first].cancel())).toBe(sources[first].token.error);
      expect(sources.map(({ token }) => snapshot(token).callbacks)).toEqual([0, 0]);
    }
  });

  it('is an outcome of its own in a task: stopped, not an error', async () => {
    const source = new CancellationSource();
    const running = run((token) => createFetch()(`${backend.url}/hang`, { token }), { token: source.token });
    const visit = await backend.visits.take();
    source.cancel();
    expect(await running).toEqual({ kind: 'stopped', error: source.token.error });
    await visit.left;
  });
});

describe('misuse', () => {
  it.each<[string, object]>([
    ['`fetch`', { fetch: 'fetch' }],
    ['`token`', { token: {} }],
    ['`propagateDeadline`', { propagateDeadline: 'api.internal' }],
    ['`propagateDeadline`', { propagateDeadline: [1] }],
    ['`deadlineHeader`', { deadlineHeader: 'a b' }],
    ['`deadlineHeader`', { deadlineHeader: 1 }],
  ])('names the option: %s', (name, options) => {
    expect(() => createFetch(options)).toThrow(TypeError);
    expect(() => createFetch(options)).toThrow(`Expected ${name} to be`);
  });

  it('of a call rejects, as with fetch', async () => {
    for (const init of [{ token: null }, { token: 'x' }, { signal: {} }]) {
      expect(await thrownBy(createFetch()('http://a.example/', init as object))).toBeInstanceOf(TypeError);
    }
  });

  it('is not what a CancellationError is', async () => {
    const token = CancellationToken.cancelled();
    expect(await thrownBy(createFetch()('http://a.example/', { token }))).toBeInstanceOf(CancellationError);
  });
});
