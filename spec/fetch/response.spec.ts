import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource, snapshot } from '../../lib/core/index.ts';
import { createFetch } from '../../lib/fetch/index.ts';
import { Backend, type Visit } from './support/backend.ts';

let backend: Backend;
let source: CancellationSource;
const fetch = createFetch();
beforeEach(async () => {
  backend = await Backend.start();
  source = new CancellationSource();
});
afterEach(() => backend[Symbol.asyncDispose]());

/** Whether the call still listens to its token. */
function listening(): boolean {
  return snapshot(source.token).callbacks > 0;
}

/** A response whose body has begun with a '1'. */
async function begun(headers?: Record<string, string>): Promise<[Response, Visit]> {
  const answer = fetch(`${backend.url}/body`, { token: source.token });
  const visit = await backend.visits.take();
  visit.head(200, headers);
  visit.write('1');
  return [await answer, visit];
}

function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.unreachable(`got ${String(value)}`),
    (error: unknown) => error,
  );
}

async function readAll(body: ReadableStream<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of body) text += new TextDecoder().decode(chunk);
  return text;
}

describe('a response', () => {
  it('is the one that fetch made: its class, its URL, its headers', async () => {
    const [response, visit] = await begun({ 'x-a': '1' });
    expect(response).toBeInstanceOf(Response);
    expect(response.constructor).toBe(Response);
    expect(Object.prototype.toString.call(response)).toBe('[object Response]');
    expect([response.url, response.ok, response.redirected, response.type, response.headers.get('x-a')]).toEqual([
      `${backend.url}/body`,
      true,
      false,
      'basic',
      '1',
    ]);
    visit.end();
    await response.text();
  });

  it('that another Response takes its body from is read by that one', async () => {
    const [response, visit] = await begun();
    const copy = new Response(response.body, response);
    visit.end('2');
    expect(await copy.text()).toBe('12');
    expect([listening(), response.bodyUsed]).toEqual([false, true]);
  });

  it('says by itself when its body was used', async () => {
    const [response, visit] = await begun();
    visit.end();
    expect(response.bodyUsed).toBe(false);
    await response.text();
    expect(response.bodyUsed).toBe(true);
    expect(await thrownBy(response.text())).toBeInstanceOf(TypeError);
    expect(() => response.clone()).toThrow(TypeError);
  });

  it('without a body lets go at once', async () => {
    const response = await fetch(`${backend.url}/empty`, { token: source.token });
    expect([response.status, response.body, listening()]).toEqual([204, null, false]);
  });
});

describe('the call listens', () => {
  it.each<[string, (response: Response) => Promise<unknown>]>([
    ['text()', (response) => response.text()],
    ['json()', (response) => response.json()],
    ['arrayBuffer()', (response) => response.arrayBuffer()],
    ['blob()', (response) => response.blob()],
    ['a loop over the stream', (response) => readAll(response.body!)],
    ['pipeTo', (response) => response.body!.pipeTo(new WritableStream())],
  ])('until the body has been read: by %s', async (_, read) => {
    const [response, visit] = await begun();
    const reading = read(response);
    expect(listening()).toBe(true);
    visit.end('2');
    await reading;
    expect(listening()).toBe(false);
  });

  it('until reading it failed, for whatever it was that was sent', async () => {
    const [response, visit] = await begun();
    visit.end('{');
    expect(await thrownBy(response.json())).toBeInstanceOf(SyntaxError);
    expect(listening()).toBe(false);
  });

  it('until the stream is cancelled', async () => {
    const [response, visit] = await begun();
    await response.body!.cancel();
    expect(listening()).toBe(false);
    expect(await visit.left).toBe(true);
  });

  it('until a loop over the stream is left', async () => {
    const [response, visit] = await begun();
    for await (const _ of response.body!) break;
    expect(listening()).toBe(false);
    expect(await visit.left).toBe(true);
  });

  it('until the connection breaks', async () => {
    const [response, visit] = await begun();
    const reading = thrownBy(response.text());
    await backend[Symbol.asyncDispose]();
    expect(await reading).toBeInstanceOf(TypeError);
    expect([listening(), await visit.left]).toEqual([false, true]);
  });

  it('until one of two clones has been read to the end', async () => {
    const [response, visit] = await begun();
    const copy = response.clone();
    visit.end('2');
    expect(await copy.text()).toBe('12');
    expect(listening()).toBe(false);
    expect(await response.text()).toBe('12');
  });

  it('until both clones are cancelled', async () => {
    const [response, visit] = await begun();
    const copy = response.clone().clone();
    const ends = [response.body!.cancel()];
    expect(listening()).toBe(true);
    ends.push(copy.body!.cancel());
    expect(listening()).toBe(true);
    source.cancel();
    expect(await visit.left).toBe(true);
    await Promise.allSettled(ends);
  });

  it('no matter that somebody asked for what is not to be had', async () => {
    const [response, visit] = await begun();
    const reader = response.body!.getReader();
    expect(await thrownBy(response.text())).toBeInstanceOf(TypeError);
    expect(() => response.clone()).toThrow(TypeError);
    await reader.read();
    expect(await thrownBy(response.text())).toBeInstanceOf(TypeError);
    expect(listening()).toBe(true);
    const next = thrownBy(reader.read());
    source.cancel();
    expect(await next).toBe(source.token.error);
    expect(await visit.left).toBe(true);
  });
});

describe('response.body', () => {
  it('is one stream, that forbids nothing as long as it is not read', async () => {
    const [response, visit] = await begun();
    const body = response.body!;
    expect(body).toBeInstanceOf(ReadableStream);
    expect(response.body).toBe(body);
    const copy = response.clone();
    expect([body.locked, response.bodyUsed, response.body === body]).toEqual([false, false, true]);
    visit.end('2');
    expect([await readAll(body), await copy.text(), response.bodyUsed]).toEqual(['12', '12', true]);
  });

  it('takes nothing from the wire before it is read', async () => {
    const [response, visit] = await begun();
    expect(response.body!.locked).toBe(false);
    visit.end('2');
    expect(await response.text()).toBe('12');
  });

  it('can be read into a buffer of the caller', async () => {
    const [response, visit] = await begun();
    const reader = response.body!.getReader({ mode: 'byob' });
    const first = await reader.read(new Uint8Array(8));
    expect([first.done, [...first.value!]]).toEqual([false, [49]]);
    visit.end();
    expect((await reader.read(new Uint8Array(8))).done).toBe(true);
    expect(listening()).toBe(false);
  });

  it('can be split', async () => {
    const [response, visit] = await begun();
    const [left, right] = response.body!.tee();
    visit.end('2');
    expect(await Promise.all([readAll(left), readAll(right)])).toEqual(['12', '12']);
    expect(listening()).toBe(false);
  });

  it('ends with the reason in a pipe', async () => {
    const [response, visit] = await begun();
    const written: unknown[] = [];
    const piping = response.body!.pipeTo(new WritableStream({ abort: (reason) => void written.push(reason) }));
    source.cancel('SHUTDOWN');
    expect(await thrownBy(piping)).toBe(source.token.error);
    expect(written).toEqual([source.token.error]);
    expect(await visit.left).toBe(true);
  });
});

/** What another fetch may make. */
function otherResponse(body: object): Response {
  class Other {
    get body(): object {
      return body;
    }
    async text(): Promise<string> {
      return 'own';
    }
  }
  return new Other() as unknown as Response;
}

describe('a fetch that is not the platform’s', () => {
  it('may answer with a Response of another kind of body', async () => {
    const body = { pipe: () => 'piped' };
    const get = createFetch({ fetch: async () => otherResponse(body) });
    const response = await get('http://a.example/', { token: source.token });
    expect((response.body as unknown as typeof body).pipe()).toBe('piped');
    expect(await response.text()).toBe('own');
  });

  it.each<[string, (stream: ReadableStream<Uint8Array>) => Response]>([
    ['Response', (stream) => new Response(stream)],
    ['stream of another class', (stream) => otherResponse({ getReader: () => stream.getReader() })],
  ])('may answer with chunks that are still somebody’s, which are left to them: in a %s', async (_, respond) => {
    const kept = new TextEncoder().encode('kept');
    const chunks = [kept, new Uint8Array(0), Buffer.from(', pooled')];
    const start = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    };
    const get = createFetch({ fetch: async () => respond(new ReadableStream({ start })) });
    const read = async () => readAll((await get('http://a.example/', { token: source.token })).body!);
    expect([await read(), await read()]).toEqual(['kept, pooled', 'kept, pooled']);
    expect([kept.byteLength, Buffer.from('x').length, listening()]).toEqual([4, 1, false]);
  });

  it('may answer with what cannot be watched: the call lets go', async () => {
    const answer = Object.freeze(new Response('x'));
    const get = createFetch({ fetch: async () => answer });
    expect(await (await get('http://a.example/', { token: source.token })).text()).toBe('x');
    expect(listening()).toBe(false);
  });
});
