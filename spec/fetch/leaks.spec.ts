import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource, snapshot } from '../../lib/core/index.ts';
import { createFetch } from '../../lib/fetch/index.ts';
import { Backend } from './support/backend.ts';

const MANY = 10_000;
const AT_ONCE = 50;

let backend: Backend;
let warnings: Error[];
const onWarning = (warning: Error): void => void warnings.push(warning);
beforeEach(async () => {
  backend = await Backend.start();
  warnings = [];
  process.on('warning', onWarning);
});
afterEach(async () => {
  process.off('warning', onWarning);
  await backend[Symbol.asyncDispose]();
});

/** Runs `call` so many times, some at once. */
async function many(call: () => Promise<unknown>, times = MANY): Promise<void> {
  let left = times;
  const worker = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Collects garbage and lets finalizers run, until `done`. */
async function collected(done: () => boolean): Promise<void> {
  while (!done()) {
    gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('T-10: after 10,000 calls', () => {
  it('on one token and one foreign signal no listener is left, and nobody has been warned', async () => {
    const { token } = new CancellationSource();
    const { signal } = new AbortController();
    const fetch = createFetch({ token });
    await many(async () => (await fetch(`${backend.url}/ok`, { signal })).text());
    expect(backend.hits).toBe(MANY);
    expect([snapshot(token).callbacks, snapshot(token).children, getEventListeners(signal, 'abort')]).toEqual([
      0,
      [],
      [],
    ]);
    expect(warnings).toEqual([]);
  }, 120_000);

  it('that failed no callback is left', async () => {
    const { token } = new CancellationSource();
    const fetch = createFetch({ token, fetch: () => Promise.reject(new TypeError('fetch failed')) });
    await many(() => fetch('http://a.example/').catch(() => {}));
    expect([snapshot(token).callbacks, warnings]).toEqual([0, []]);
  });

  it('that were cancelled no callback is left on what did not cancel them', async () => {
    const { token } = new CancellationSource();
    const { signal } = new AbortController();
    const fetch = createFetch({ fetch: () => new Promise(() => {}) });
    await many(async () => {
      const own = new CancellationSource({ parent: token });
      const answer = fetch('http://a.example/', { token: own.token, signal }).catch(() => {});
      own.cancel();
      await answer;
    });
    expect([snapshot(token).callbacks, snapshot(token).children, getEventListeners(signal, 'abort')]).toEqual([
      0,
      [],
      [],
    ]);
    expect(warnings).toEqual([]);
  });
});

describe('what is collected', () => {
  it('a response that nobody reads lets go of the token', async () => {
    const { token } = new CancellationSource();
    const fetch = createFetch({ token });
    await many(() => fetch(`${backend.url}/ok`), 100);
    await collected(() => snapshot(token).callbacks === 0);
  });

  it('a response whose stream was looked at, and not read, lets go of the token', async () => {
    const { token } = new CancellationSource();
    const fetch = createFetch({ token });
    await many(async () => (await fetch(`${backend.url}/ok`)).body?.locked, 100);
    await collected(() => snapshot(token).callbacks === 0);
  });

  it('a response that is being read does not let go', async () => {
    const source = new CancellationSource();
    const answer = createFetch()(`${backend.url}/body`, { token: source.token });
    const visit = await backend.visits.take();
    visit.head();
    visit.write('1');
    const reading = (await answer).text().catch((error: unknown) => error);
    let rounds = 0;
    await collected(() => ++rounds > 4);
    expect(snapshot(source.token).callbacks).toBe(1);
    source.cancel();
    expect(await reading).toBe(source.token.error);
  });

  it('a reader holds the call, though the response is gone', async () => {
    const source = new CancellationSource();
    const answer = createFetch()(`${backend.url}/body`, { token: source.token });
    const visit = await backend.visits.take();
    visit.head();
    visit.write('1');
    const reader = (await answer).body!.getReader();
    await reader.read();
    let rounds = 0;
    await collected(() => ++rounds > 4);
    const next = reader.read().catch((error: unknown) => error);
    source.cancel();
    expect(await next).toBe(source.token.error);
    expect(await visit.left).toBe(true);
  });

  it('T-09: a Request that only its call holds still hears of its abort, to the end of the body', async () => {
    const controller = new AbortController();
    const request = () => new Request(`${backend.url}/body`, { signal: controller.signal });
    const answer = createFetch()(request());
    const visit = await backend.visits.take();
    visit.head();
    visit.write('1');
    const reading = (await answer).text().catch((error: unknown) => error);
    let rounds = 0;
    await collected(() => ++rounds > 4);
    controller.abort('heard');
    expect(await reading).toBe('heard');
    expect(await visit.left).toBe(true);
  });
});
