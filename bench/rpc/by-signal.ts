// What grpc's and Connect's libraries of promises have in common: a handler and a call each have an AbortSignal.
import { type Client, greeting, quiet, type Told } from './peer.ts';

interface Signalled {
  readonly signal?: AbortSignal;
}

/** A client of the library's. */
export interface Calls {
  greet(request: { name: string }, options?: Signalled): Promise<{ message: string }>;
  wait(request: { id: number }, options?: Signalled): Promise<object>;
}

/** What serves `greet` and `wait`: the last hop, or one that asks the next. */
export function handlers(told: Told, behind: Calls | undefined): object {
  return {
    greet: async ({ name }: { name: string }, { signal }: { signal: AbortSignal }) =>
      behind === undefined ? { message: greeting(name) } : behind.greet({ name }, { signal }),
    wait: ({ id }: { id: number }, { signal }: { signal: AbortSignal }): Promise<object> => {
      if (behind !== undefined) return behind.wait({ id }, { signal });
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          told.stopped(id);
          reject(signal.reason);
        });
        told.entered(id);
      });
    },
  };
}

export function clientOf(calls: Calls, close: () => unknown): Client {
  return {
    greet: async (name) => (await calls.greet({ name })).message,
    wait(id) {
      const controller = new AbortController();
      const over = quiet(calls.wait({ id }, { signal: controller.signal }));
      return { cancel: () => controller.abort(), over };
    },
    close,
  };
}
