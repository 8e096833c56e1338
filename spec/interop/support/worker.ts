// A worker that serves the Counter: what it logs is read by whoever calls it.

import { createClient } from '../../../lib/rpc/client.ts';
import { createHandler, implement } from '../../../lib/rpc/server.ts';
import { all, Counter, numbers } from '../../rpc/support/counter.ts';

/** A handler that waits for nothing which could come would be ended, as one that hangs. */
const SOMETHING_MS = 60_000;

const handler = createHandler([
  implement(Counter, {
    async double({ n }, { token, headers }) {
      const next = headers.get('x-next');
      if (next !== null) return createClient(Counter, { baseUrl: next }).double({ n }, { token });
      if (n <= 0) {
        console.log('entered', n);
        const something = setTimeout(() => {}, SOMETHING_MS);
        await new Promise((_, reject) => {
          token.onCancel((error) => {
            console.log('stopped', n, error.reason);
            clearTimeout(something);
            reject(error);
          });
        });
      }
      return { n: 2 * n };
    },
    upTo: ({ n }) => numbers(n),
    sum: async (requests) => ({ n: (await all(requests)).length }),
    chat: (requests) => requests,
  }),
]);

export default { fetch: (request: Request): Promise<Response> => handler(request) };
