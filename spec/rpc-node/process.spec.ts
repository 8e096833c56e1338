import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { useRawServer } from './support/raw-server.ts';

const rawServer = useRawServer();
const dist = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../dist/${path}`, import.meta.url)));

/** Runs a program with a client of `baseUrl` in a process of its own; resolves with what it printed when it has ended by itself. */
async function program(baseUrl: string, body: string): Promise<string> {
  const text = `
    import { z } from 'zod';
    import { CancellationSource } from ${dist('core/index.js')};
    import { service, unary } from ${dist('rpc/index.js')};
    import { createClient } from ${dist('rpc/client.js')};
    import { http2Transport } from ${dist('rpc-node/index.js')};
    const Greeter = service('demo.v1.Greeter', { greet: unary({ input: z.any(), output: z.any() }) });
    const transport = http2Transport({ baseUrl: ${JSON.stringify(baseUrl)} });
    const client = createClient(Greeter, { transport });
    ${body}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', text], {
    timeout: 20_000,
  });
  return stdout.trim();
}

describe('a process with a client', () => {
  it('ends by itself when its calls have, with the connection still open', async () => {
    const { baseUrl } = await rawServer();
    expect(await program(baseUrl, `console.log((await client.greet({ name: 'Ada' })).greeting);`)).toBe('hello');
  });

  it('does not end while a call is under way', async () => {
    const { server, baseUrl } = await rawServer();
    server.onCall = async (call) => {
      // As long as a process lives that has nothing to wait for.
      await promisify(execFile)(process.execPath, ['--eval', '']);
      call.answer();
    };
    expect(await program(baseUrl, `client.greet({ name: 'Ada' }).then(({ greeting }) => console.log(greeting));`)).toBe(
      'hello',
    );
  });

  it('that ends right after a cancel has told the peer all the same', async () => {
    const { server, baseUrl } = await rawServer();
    const codes: Promise<number>[] = [];
    server.onCall = (call) => {
      codes.push(call.reset);
      call.stream.respond({ ':status': 200, 'content-type': 'application/json' });
    };
    const printed = await program(
      baseUrl,
      `const source = new CancellationSource();
      const reached = (phase) => phase === 'answered' && source.cancel();
      transport.unary({ path: '/x', body: '{}', token: source.token, headers: () => ({}), reached })
        .catch(({ reason }) => console.log(reason));`,
    );
    expect([printed, await codes[0]]).toEqual(['CANCELLED', 8]);
  });

  it('whose server nobody can reach ends by itself as well', async () => {
    expect(
      await program(
        'http://127.0.0.1:1',
        `client.greet({}).catch(({ code, neverProcessed }) => console.log(code, neverProcessed));`,
      ),
    ).toBe('unavailable true');
  });
});
