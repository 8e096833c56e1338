import { Agent, fetch as undiciFetch } from 'undici';
import { Backend } from './backend.ts';

/** A fetch and a server that speak one protocol with each other. */
export interface Wire extends AsyncDisposable {
  readonly backend: Backend;
  readonly fetch: typeof fetch;
}

/** Node's own fetch, and undici's over a real HTTP/2 connection, which Node's has only since 26. */
export const wires: Readonly<Record<string, () => Promise<Wire>>> = {
  "Node's fetch over HTTP/1.1": async () => {
    const backend = await Backend.start('HTTP/1.1');
    return { backend, fetch, [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose]() };
  },
  "undici's fetch over HTTP/2 and TLS": async () => {
    const backend = await Backend.start('h2');
    const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    return {
      backend,
      fetch: ((input: string, init: object) => undiciFetch(input, { ...init, dispatcher })) as unknown as typeof fetch,
      async [Symbol.asyncDispose]() {
        await dispatcher.destroy();
        await backend[Symbol.asyncDispose]();
      },
    };
  },
};
