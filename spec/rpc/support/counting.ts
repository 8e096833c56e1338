import { type CallContext, createHandler, implement, type RpcHandler } from '../../../lib/rpc/server.ts';
import { all, Counter, numbers } from './counter.ts';
import { gate } from './gate.ts';

export interface Counting {
  readonly handler: RpcHandler;
  /** The next call that waits: it may have come already. */
  entered(): Promise<CallContext>;
}

/** A Counter that serves every kind of method. Its `double` of 0 waits until its token tells it to stop. */
export function counting(): Counting {
  let waits = gate<CallContext>();
  const handler = createHandler([
    implement(Counter, {
      async double({ n }, context) {
        if (n === 0) {
          waits.open(context);
          await new Promise((_, reject) => context.token.onCancel(reject));
        }
        return { n: 2 * n };
      },
      upTo: ({ n }) => numbers(n),
      sum: async (requests) => ({ n: (await all(requests)).length }),
      chat: (requests) => requests,
    }),
  ]);
  return {
    handler,
    async entered() {
      const context = await waits.opened;
      waits = gate();
      return context;
    },
  };
}
