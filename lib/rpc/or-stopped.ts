import type { CancellationToken } from '../core/index.ts';

/** Taken before a test can have timers stand still. */
const { setTimeout } = globalThis;

/**
 * What comes of interceptors; the token's error where they wait for something else than their token.
 *
 * They have their turn first: a call that is stopped below them has told its peer by then, and says where the time went.
 */
export function orStopped<T>(token: CancellationToken, outcome: T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const registration = token.onCancel((error) => setTimeout(() => reject(error)));
    Promise.resolve(outcome)
      .finally(() => registration.unregister())
      .then(resolve, reject);
  });
}

/** The same for each of the responses that interceptors hand on. To leave them is not to wait for anything either. */
export async function* eachOrStopped<T>(token: CancellationToken, responses: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = responses[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await orStopped(token, iterator.next());
      if (done === true) return;
      yield value;
    }
  } finally {
    (async () => iterator.return?.())().catch(() => {});
  }
}
