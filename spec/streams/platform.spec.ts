// What Node's streams and events make of a token, one row of docs/guide/streams.md each.
import { EventEmitter, getEventListeners, on } from 'node:events';
import readline from 'node:readline';
import readlinePromises from 'node:readline/promises';
import { addAbortSignal, PassThrough, Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { CancellationSource, type CancellationToken, reasonOf, snapshot } from '../../lib/core/index.ts';
import { cancellable, iterate, suspendForever } from '../../lib/task/index.ts';
import { turns } from '../server/support/stage.ts';
import { scale } from '../support/soak.ts';

const silent = (): Readable => new Readable({ read() {} });
const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

async function all(source: AsyncIterable<unknown>): Promise<unknown[]> {
  const items: unknown[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** How a promise stands after some turns of the event loop. */
async function standing(promise: Promise<unknown>): Promise<unknown> {
  let state: unknown = 'waits';
  promise.then(
    (value) => {
      state = value;
    },
    (error: unknown) => {
      state = reasonOf(error) ?? error;
    },
  );
  await turns();
  return state;
}

/** Cancels after some turns, and tells how `begin` stands then. */
async function cancelled(begin: (token: CancellationToken) => Promise<unknown>): Promise<unknown> {
  const source = new CancellationSource();
  const begun = begin(source.token);
  begun.catch(() => undefined);
  await turns();
  source.cancel('TIMEOUT');
  return standing(begun);
}

describe('S2-07: a token.signal as it is, and reasonOf the error', () => {
  it.each<[string, (token: CancellationToken) => Promise<unknown>]>([
    ['pipeline', ({ signal }) => pipeline(silent(), new PassThrough(), sink(), { signal })],
    ['finished', ({ signal }) => finished(silent(), { signal })],
    ['addAbortSignal, for await', ({ signal }) => all(addAbortSignal(signal, silent()))],
    ['addAbortSignal, toArray', ({ signal }) => addAbortSignal(signal, silent()).toArray()],
    ['Readable.fromWeb', ({ signal }) => all(Readable.fromWeb(new ReadableStream() as never, { signal }))],
    ['pipeTo', ({ signal }) => new ReadableStream().pipeTo(new WritableStream(), { signal })],
    [
      'pipeThrough',
      ({ signal }) => new ReadableStream().pipeThrough(new TransformStream(), { signal }).getReader().read(),
    ],
    ['events.on', ({ signal }) => all(on(new EventEmitter(), 'data', { signal }))],
    [
      'readline/promises question',
      ({ signal }) =>
        readlinePromises.createInterface({ input: new PassThrough(), output: sink() }).question('?', { signal }),
    ],
  ])('%s', async (_, begin) => {
    expect(await cancelled(begin)).toBe('TIMEOUT');
  });

  it('T-10: leaves no listener after many streams, 20 at once, and nobody has been warned', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const { token } = new CancellationSource();
    const { signal } = token;
    let falseCancels = 0;
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 50 * scale; i++) {
        await pipeline(Readable.from(['a']), new PassThrough(), sink(), { signal });
        await all(addAbortSignal(signal, Readable.from(['a'])));
        await Readable.toWeb(Readable.from(['a'])).pipeTo(new WritableStream(), { signal });
        if ((await all(iterate(Readable.from(['a', 'b']), token))).length !== 2) falseCancels++;
      }
    };
    await Promise.all(Array.from({ length: 20 }, worker));
    process.off('warning', warn);
    expect([getEventListeners(signal, 'abort'), warnings, falseCancels]).toEqual([[], [], 0]);
    expect(snapshot(token)).toMatchObject({ callbacks: 0, children: [] });
  }, 120_000);
});

describe('where the platform stops short', () => {
  it('a loop over the lines of readline ends as if at the end of its input; iterate tells why', async () => {
    const lines = ({ signal }: { signal?: AbortSignal }) => {
      const input = new PassThrough();
      setImmediate(() => input.write('one\ntwo'));
      return readline.createInterface({ input, ...(signal && { signal }) });
    };
    expect(await cancelled(({ signal }) => all(lines({ signal })))).toEqual(['one']);
    expect(await cancelled((token) => all(iterate(() => lines({}), token)))).toBe('TIMEOUT');
  });

  it('toArray, map and their kin hear of their signal with the next chunk only; iterate at once', async () => {
    expect(await cancelled(({ signal }) => silent().toArray({ signal }))).toBe('waits');
    expect(await cancelled(({ signal }) => all(silent().map((chunk) => chunk, { signal })))).toBe('waits');
    const stream = silent();
    const mapped = ({ signal }: CancellationToken) => addAbortSignal(signal, stream).map((chunk) => chunk);
    expect(await cancelled((token) => all(iterate(mapped, token)))).toBe('TIMEOUT');
    expect(stream.destroyed).toBe(true);
  });

  it('a pipeline waits for a stage that waits for something else; the token ends that wait', async () => {
    const stage = (wait: () => Promise<never>) =>
      async function* () {
        yield await wait();
      };
    expect(
      await cancelled(({ signal }) =>
        pipeline(
          stage(() => new Promise(() => {})),
          sink(),
          { signal },
        ),
      ),
    ).toBe('waits');
    expect(
      await cancelled((token) =>
        pipeline(
          stage(() => suspendForever(token)),
          sink(),
          { signal: token.signal },
        ),
      ),
    ).toBe('TIMEOUT');
  });

  it('pipeTo waits for a sink that is stuck; cancellable lets go of it', async () => {
    const stuck = () => new WritableStream({ write: () => new Promise(() => {}) });
    const full = () => new ReadableStream({ start: (controller) => controller.enqueue('a') });
    expect(await cancelled(({ signal }) => full().pipeTo(stuck(), { signal }))).toBe('waits');
    expect(await cancelled((token) => cancellable(full().pipeTo(stuck(), { signal: token.signal }))(token))).toBe(
      'TIMEOUT',
    );
  });

  it('a stream made of a generator that waits does not let go of it; one made of iterate does', async () => {
    const log: string[] = [];
    async function* waiting(name: string, wait: Promise<never>): AsyncGenerator<string> {
      try {
        yield name;
        await wait;
      } finally {
        log.push(name);
      }
    }
    const never = new Promise<never>(() => {});
    const source = new CancellationSource();
    const under = (name: string) => iterate((token) => waiting(name, suspendForever(token)), source.token);
    const streams = [Readable.from(waiting('bare', never)), Readable.from(under('under a token'))];
    for (const stream of streams) {
      stream.resume();
      await turns();
      stream.destroy();
    }
    const reader = Readable.toWeb(Readable.from(under('web'))).getReader();
    await reader.read();
    await turns();
    await reader.cancel();
    await turns();
    expect([log, streams.map(({ closed }) => closed)]).toEqual([
      ['under a token', 'web'],
      [false, true],
    ]);
  });
});
