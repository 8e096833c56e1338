import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CancellationSource, type CancelReason, clock } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import { RpcError } from '../../lib/rpc/index.ts';
import { type CallContext, createHandler, type HandlerOptions, implement } from '../../lib/rpc/server.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { gate } from './support/gate.ts';
import { GREET, Greeter } from './support/greeter.ts';

const servers: Server[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

async function serving(
  work: (name: string, context: CallContext) => string | Promise<string>,
  options?: HandlerOptions,
) {
  const greeter = implement(Greeter, {
    greet: async ({ name }, context) => ({ greeting: await work(name, context) }),
  });
  const server = await serve(createHandler([greeter], options));
  servers.push(server);
  return { server, url: `${server.url.origin}${GREET}`, client: createClient(Greeter, { baseUrl: server.url }) };
}

const run = promisify(execFile);

/** What curl prints: the status, the content type and the body. */
async function curl(...args: string[]): Promise<{ status: number; type: string; json: unknown }> {
  const { stdout } = await run('curl', [
    '--silent',
    '--show-error',
    '--write-out',
    '\n%{http_code} %{content_type}',
    ...args,
  ]);
  const [, body, status, type] = /^([\s\S]*)\n(\d+) (.*)$/.exec(stdout) ?? [];
  return { status: Number(status), type: type ?? '', json: JSON.parse(body ?? '') };
}

const JSON_BODY = ['--header', 'content-type: application/json', '--data'];

describe.each([
  ['HTTP/1.1', '--http1.1'],
  ['HTTP/2', '--http2-prior-knowledge'],
])('curl over %s', (_, version) => {
  it('calls a method', async () => {
    const { url } = await serving((name) => `Hello, ${name}`);
    expect(await curl(version, ...JSON_BODY, '{"name":"Ada"}', url)).toEqual({
      status: 200,
      type: 'application/json',
      json: { greeting: 'Hello, Ada' },
    });
  });

  it('is told what is wrong with its request', async () => {
    const { url } = await serving((name) => name, { maxBodyBytes: 1_000 });
    const codes = async (...args: string[]) => {
      const { status, json } = await curl(version, ...args);
      return [status, (json as { code: string }).code];
    };
    const ada = [...JSON_BODY, '{"name":"Ada"}'];
    expect(await codes(url.replace('greet', 'wave'), ...ada)).toEqual([404, 'unimplemented']);
    expect(await codes(url)).toEqual([405, 'unknown']);
    expect(await codes('--data', '{"name":"Ada"}', url)).toEqual([415, 'unknown']);
    expect(await codes(...JSON_BODY, '{"name":7}', url)).toEqual([400, 'invalid_argument']);
    expect(await codes(...JSON_BODY, '{', url)).toEqual([400, 'invalid_argument']);
    expect(await codes(...JSON_BODY, `{"name":"${'a'.repeat(2_000)}"}`, url)).toEqual([413, 'resource_exhausted']);
    for (const timeout of ['-5', '0', 'soon', '12345678901']) {
      expect(await codes('--header', `connect-timeout-ms: ${timeout}`, ...ada, url)).toEqual([400, 'invalid_argument']);
    }
  });

  it('S1-23: gets its 504 at the deadline, whether the implementation stops or not', async () => {
    const { url } = await serving(() => new Promise(() => {}));
    const { status, json } = await curl(
      version,
      '--header',
      'connect-timeout-ms: 50',
      ...JSON_BODY,
      '{"name":"Ada"}',
      url,
    );
    expect([status, json]).toEqual([
      504,
      { code: 'deadline_exceeded', message: 'The deadline passed before the answer was ready.' },
    ]);
  });

  it('S1-24: gets its 503 at a shutdown', async () => {
    const entered = gate();
    const { server, url } = await serving((_, { token }) => {
      entered.open();
      return new Promise((_, reject) => token.onCancel(reject));
    });
    const asked = curl(version, ...JSON_BODY, '{"name":"Ada"}', url);
    await entered.opened;
    await server.drain({ graceMs: 0, timeoutMs: 5_000 });
    expect(await asked).toMatchObject({ status: 503, json: { code: 'unavailable' } });
  });
});

it('a peer that leaves after the deadline of its call is TIMEOUT, also while the timer for it is late', async () => {
  const entered = gate();
  const stopped = gate<CancelReason>();
  const { url } = await serving((_, { token }) => {
    entered.open();
    return new Promise((_, reject) =>
      token.onCancel((error) => {
        stopped.open(error.reason);
        reject(error);
      }),
    );
  });
  const caller = new AbortController();
  const headers = { 'content-type': 'application/json', 'connect-timeout-ms': '20000' };
  const asked = fetch(url, { method: 'POST', headers, body: '{"name":"Ada"}', signal: caller.signal }).catch(() => {});
  await entered.opened;
  const { now } = clock;
  const late = vi.spyOn(clock, 'now').mockImplementation(() => now() + 20_000);
  caller.abort();
  expect(await stopped.opened).toBe('TIMEOUT');
  late.mockRestore();
  await asked;
});

describe('fetch over HTTP/1.1', () => {
  it('calls, and gets the errors of the implementation', async () => {
    const { client } = await serving((name) => {
      if (name === 'nobody') throw new RpcError('not_found', 'who?');
      return `Hello, ${name}`;
    });
    expect(await client.greet({ name: 'Ada' })).toEqual({ greeting: 'Hello, Ada' });
    await expect(client.greet({ name: 'nobody' })).rejects.toMatchObject({ code: 'not_found', message: 'who?' });
  });

  it('E27, S1-09: a cancel is PEER_CLOSED to the server, which cannot know better', async () => {
    const entered = gate();
    const stopped = gate<CancelReason>();
    const { client } = await serving((_, { token }) => {
      entered.open();
      return new Promise((_, reject) =>
        token.onCancel((error) => {
          stopped.open(error.reason);
          reject(error);
        }),
      );
    });
    const source = new CancellationSource();
    const response = client.greet({ name: 'Ada' }, { token: source.token });
    await entered.opened;
    source.cancel();
    await expect(response).rejects.toMatchObject({ code: 'canceled' });
    expect(await stopped.opened).toBe('PEER_CLOSED');
  });

  it('S1-19: a deadline is TIMEOUT to the server as to the client', async () => {
    const entered = gate<void>();
    const stopped = gate<CancelReason>();
    const { client } = await serving(
      (_, { token }) =>
        new Promise((_, reject) => {
          token.onCancel((error) => {
            stopped.open(error.reason);
            reject(error);
          });
          entered.open();
        }),
    );
    using fake = fakeClock();
    const response = client.greet({ name: 'Ada' }, { timeout: 50 }).catch((error: RpcError) => error.code);
    await entered.opened;
    fake.advance(50);
    expect(await response).toBe('deadline_exceeded');
    expect(await stopped.opened).toBe('TIMEOUT');
  });
});
