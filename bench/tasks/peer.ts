// What the cases ask of an implementation. Each does it as its own documentation says, and nothing besides.
import type { Subject } from '../harness.ts';
import type { Call } from './cases.ts';

export type Peer = Partial<Record<Call, () => Subject>>;

/** One after the other, each awaited. */
export function each(call: () => PromiseLike<unknown>): Subject {
  return {
    async run(ops) {
      for (let i = 0; i < ops; i++) await call();
    },
  };
}

/** What every task here does that does anything. */
export async function once(): Promise<number> {
  await undefined;
  return 1;
}
