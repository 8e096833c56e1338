import { z } from 'zod';
import { service, unary } from '../../../lib/rpc/index.ts';
import type { RpcHandler } from '../../../lib/rpc/server.ts';

/** The service that the specs call. */
export const Greeter = service('demo.v1.Greeter', {
  greet: unary({
    input: z.object({ name: z.string().min(1), tags: z.array(z.object({ weight: z.number() })).optional() }),
    output: z.object({ greeting: z.string() }),
  }),
});

export const GREET = '/demo.v1.Greeter/greet';

/** A POST to `greet` as curl would make it. */
export function greetRequest(body: unknown = { name: 'Ada' }, init: RequestInit = {}): Request {
  const given = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
  return new Request(`http://localhost${GREET}`, {
    method: 'POST',
    body: given ? (body as BodyInit) : JSON.stringify(body),
    ...(body instanceof ReadableStream && { duplex: 'half' as const }),
    ...init,
    headers: { 'content-type': 'application/json', ...(init.headers as Record<string, string>) },
  });
}

/** A `fetch` that goes straight to a handler. */
export function fetchInto(handler: RpcHandler): (url: string, init: RequestInit) => Promise<Response> {
  return (url, init) => handler(new Request(url, init));
}

/** Waits until `promise` has had every chance to settle without outside help. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
