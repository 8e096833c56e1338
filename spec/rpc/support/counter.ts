import { z } from 'zod';
import { bidi, clientStream, serverStream, service, unary } from '../../../lib/rpc/index.ts';

const number = z.object({ n: z.int() });

/** A service with every kind of method. */
export const Counter = service('demo.v1.Counter', {
  double: unary({ input: number, output: number, idempotent: true }),
  upTo: serverStream({ input: number, output: number }),
  sum: clientStream({ input: number, output: number }),
  chat: bidi({ input: number, output: number }),
});

/** So many numbers from 1 on, as requests. */
export async function* numbers(count: number): AsyncGenerator<{ n: number }> {
  for (let n = 1; n <= count; n++) yield { n };
}

/** All of a stream. */
export async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const seen: T[] = [];
  for await (const one of stream) seen.push(one);
  return seen;
}
