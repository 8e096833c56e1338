import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { iterate, onceEvent, run, sleep, suspendForever } from '../../lib/task/index.ts';
import { uncaughtDuring } from '../core/support/uncaught.ts';

/** As the memory that threads share: the abort may come between any two looks, and whoever listens is told later. */
class Shared {
  readonly reason = new Error('from another thread');
  looks = 0;
  readonly #abortedAfter: number;

  constructor(looks: number) {
    this.#abortedAfter = looks;
  }

  get aborted(): boolean {
    return ++this.looks > this.#abortedAfter;
  }

  addEventListener(_: string, listener: () => void): void {
    if (this.#abortedAfter < Number.POSITIVE_INFINITY) queueMicrotask(listener);
  }

  removeEventListener(): void {}

  get signal(): AbortSignal {
    return this as unknown as AbortSignal;
  }
}

async function* silence(): AsyncGenerator<never> {
  await new Promise(() => {});
}

describe.each([
  ['onceEvent', (signal: AbortSignal) => onceEvent(new EventEmitter(), 'ready', signal)],
  ['sleep', (signal: AbortSignal) => sleep(60_000, signal)],
  ['iterate', (signal: AbortSignal) => iterate(silence(), signal).next()],
  [
    'a limit of run',
    async (token: AbortSignal) => {
      const outcome = await run(suspendForever, { token, timeout: 60_000 });
      if (outcome.kind === 'stopped') throw outcome.error;
    },
  ],
] as const)('S2-12: %s', (_, wait) => {
  it('ends with the cancel, whichever of its looks at the token is the first to see it', async () => {
    const calm = new Shared(Number.POSITIVE_INFINITY);
    void wait(calm.signal);
    expect(calm.looks).toBeGreaterThan(2);
    for (let looks = 1; looks < calm.looks; looks++) {
      let heard: unknown = `nothing after ${looks}`;
      const uncaught = await uncaughtDuring(() => {
        wait(new Shared(looks).signal).catch((error: unknown) => {
          heard = error;
        });
      });
      expect(heard).toMatchObject({ reason: 'CANCELLED' });
      expect(uncaught).toEqual([]);
    }
  });
});
