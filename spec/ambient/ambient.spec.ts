import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { currentToken, runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, currentToken as fromCore } from '../../lib/core/index.ts';
import { gate } from '../server/support/gate.ts';

const { none } = CancellationToken;

function tokens(count: number): CancellationToken[] {
  return Array.from({ length: count }, () => new CancellationSource().token);
}

describe('the current token', () => {
  it('is none outside', () => {
    expect(currentToken()).toBe(none);
    runWithToken(tokens(1)[0]!, () => {});
    expect(currentToken()).toBe(none);
  });

  it('is the innermost one, and the outer one again afterwards', () => {
    const [outer, inner] = tokens(2);
    const seen = runWithToken(outer!, () => [
      currentToken(),
      runWithToken(inner!, currentToken),
      runWithToken(none, currentToken),
      currentToken(),
    ]);
    expect(seen).toEqual([outer, inner, none, outer]);
  });

  it('is back after what throws', () => {
    const [outer, inner] = tokens(2);
    const failing = () => {
      throw new Error('mine');
    };
    runWithToken(outer!, () => {
      expect(() => runWithToken(inner!, failing)).toThrow('mine');
      expect(currentToken()).toBe(outer);
    });
  });

  it('is what the libraries above the core ask for', () => {
    const [token] = tokens(1);
    expect(runWithToken(token!, fromCore)).toBe(token);
    expect(fromCore).toBe(currentToken);
  });

  it('is the one that follows a signal, where a signal was given', () => {
    const { signal } = new AbortController();
    expect(runWithToken(signal, currentToken)).toBe(CancellationToken.from(signal));
  });

  it('is the given one, not a copy: it is cancelled when that is, and not before', () => {
    const source = new CancellationSource();
    runWithToken(source.token, () => {
      expect(currentToken().cancelled).toBe(false);
      source.cancel();
      expect(currentToken().cancelled).toBe(true);
    });
  });

  it('does not keep a function from running under a cancelled token, nor from returning', () => {
    expect(runWithToken(CancellationToken.cancelled(), () => 'ran')).toBe('ran');
  });

  it('of an outer call does not cancel by an inner one, nor the other way round', () => {
    const [outer, inner] = [new CancellationSource(), new CancellationSource()];
    const [seenOuter, seenInner] = runWithToken(outer.token, () => [
      currentToken(),
      runWithToken(inner.token, currentToken),
    ]) as [CancellationToken, CancellationToken];
    outer.cancel();
    expect([seenOuter.cancelled, seenInner.cancelled]).toEqual([true, false]);
  });
});

describe('it goes along', () => {
  const [token] = tokens(1) as [CancellationToken];

  it.each<[string, () => Promise<CancellationToken> | CancellationToken]>([
    ['an await', () => viaAwait(undefined)],
    ['an await of what was begun elsewhere', () => viaAwait(elsewhere.opened)],
    ['a microtask', () => new Promise((resolve) => queueMicrotask(() => resolve(currentToken())))],
    ['process.nextTick', () => new Promise((resolve) => process.nextTick(() => resolve(currentToken())))],
    ['setImmediate', () => new Promise((resolve) => setImmediate(() => resolve(currentToken())))],
    ['setTimeout', () => new Promise((resolve) => setTimeout(() => resolve(currentToken())))],
    ['a callback of the file system', () => viaFile()],
    ['a stream that was begun there', () => viaStream()],
    ['a pipeline with a generator', () => viaPipeline()],
    ['a request to a server and back', () => viaServer()],
  ])('through %s', async (_, begin) => {
    expect(await runWithToken(token, begin)).toBe(token);
  });

  const elsewhere = gate();
  elsewhere.open();

  async function viaAwait(awaited: unknown): Promise<CancellationToken> {
    await awaited;
    return currentToken();
  }

  async function viaFile(): Promise<CancellationToken> {
    const { stat } = await import('node:fs');
    return new Promise((resolve) => stat('.', () => resolve(currentToken())));
  }

  function viaStream(): Promise<CancellationToken> {
    return new Promise((resolve) => Readable.from(['x']).on('data', () => resolve(currentToken())));
  }

  async function viaPipeline(): Promise<CancellationToken> {
    let seen = none;
    await pipeline(
      Readable.from(['x']),
      async function* (chunks) {
        for await (const chunk of chunks) {
          seen = currentToken();
          yield chunk;
        }
      },
      new PassThrough().resume(),
    );
    return seen;
  }

  async function viaServer(): Promise<CancellationToken> {
    const server = http.createServer((_, response) => response.end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return new Promise((resolve) => {
      http.get({ port, host: '127.0.0.1', agent: false }, (response) => {
        response.resume().on('end', () => {
          server.close();
          resolve(currentToken());
        });
      });
    });
  }

  it('apart in calls that run at the same time', async () => {
    const three = tokens(3);
    const gates = three.map(() => gate());
    const running = three.map((token, i) =>
      runWithToken(token, async () => {
        await gates[i]!.opened;
        return currentToken();
      }),
    );
    for (const { open } of gates.toReversed()) open();
    expect(await Promise.all(running)).toEqual(three);
  });
});

describe('a callback belongs to where it is called from', () => {
  const [here, there] = tokens(2) as [CancellationToken, CancellationToken];

  it('an EventEmitter calls its listeners under the token of the emit', () => {
    const emitter = new EventEmitter();
    const seen: CancellationToken[] = [];
    runWithToken(here, () => emitter.on('event', () => seen.push(currentToken())));
    runWithToken(there, () => emitter.emit('event'));
    emitter.emit('event');
    expect(seen).toEqual([there, none]);
  });

  it('AsyncResource.bind and AsyncLocalStorage.bind bind it to where it was made', () => {
    const emitter = new EventEmitter();
    const seen: CancellationToken[] = [];
    runWithToken(here, () => {
      emitter.on(
        'event',
        AsyncResource.bind(() => void seen.push(currentToken())),
      );
      emitter.on(
        'event',
        AsyncLocalStorage.bind(() => void seen.push(currentToken())),
      );
    });
    runWithToken(there, () => emitter.emit('event'));
    expect(seen).toEqual([here, here]);
  });

  it('a callback of a cancel is called under the token of whoever cancels', () => {
    const source = new CancellationSource();
    const seen: CancellationToken[] = [];
    runWithToken(here, () => source.token.onCancel(() => seen.push(currentToken())));
    runWithToken(there, () => source.cancel());
    expect(seen).toEqual([there]);
  });

  it('a generator runs under the token of whoever asks for the next value', () => {
    const generator = runWithToken(here, function* () {
      yield currentToken();
    });
    expect(runWithToken(there, () => generator.next().value)).toBe(there);
  });
});

describe('misuse', () => {
  it.each([undefined, null, {}, 'token', new CancellationSource()])('%s is no token', (token) => {
    let ran = false;
    const run = () =>
      runWithToken(token as unknown as CancellationToken, () => {
        ran = true;
      });
    expect(run).toThrow(TypeError);
    expect(run).toThrow('Expected `token` to be a CancellationToken or an AbortSignal');
    expect(ran).toBe(false);
  });
});

it('nobody pays for it before the first runWithToken', () => {
  // Counted where nothing else makes one, in a process of its own.
  const program = `
    import hooks from 'node:async_hooks';
    let made = 0;
    const value = class extends hooks.AsyncLocalStorage { constructor() { super(); made++; } };
    Object.defineProperty(hooks, 'AsyncLocalStorage', { value });
    (await import('node:module')).syncBuiltinESMExports();
    const { currentToken, runWithToken } = await import(${JSON.stringify(new URL('../../dist/ambient.js', import.meta.url).href)});
    currentToken();
    const before = made;
    runWithToken(currentToken(), () => {});
    runWithToken(currentToken(), () => {});
    console.log(before, made);`;
  expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })).toBe('0 1\n');
});
