import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Client, createClient } from '../../lib/rpc/client.ts';
import { clientStream, type RpcError, type Schema, serverStream, service, unary } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { all, numbers } from './support/counter.ts';
import { type Gate, gate } from './support/gate.ts';
import { fetchInto } from './support/greeter.ts';
import { useManualClock } from './support/manual-clock.ts';

const time = useManualClock();

type Numbered = Schema<{ n: number }>;
const number: Numbered = z.object({ n: z.int() });

/** A schema that never comes to an end. */
function stuck(): { schema: Numbered; asked: Promise<void> } {
  const asked: Gate<void> = gate();
  const validate = () => {
    asked.open();
    return new Promise<never>(() => {});
  };
  return { schema: { '~standard': { version: 1, vendor: 'spec', validate } }, asked: asked.opened };
}

const contract = (input: Numbered, output: Numbered) =>
  service('demo.v1.Slow', {
    double: unary({ input, output }),
    upTo: serverStream({ input, output }),
    sum: clientStream({ input, output }),
  });

type Slow = Client<ReturnType<typeof contract>['methods']>;
const { methods } = contract(number, number);
const served = service('demo.v1.Slow', methods);

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

describe('a schema that takes its time', () => {
  const handler = createHandler([
    implement(served, { double: ({ n }) => ({ n }), upTo: ({ n }) => numbers(n), sum: async () => ({ n: 1 }) }),
  ]);

  it.each<[string, (client: Slow, timeout: number) => { response: Promise<unknown>; cancel(): boolean }]>([
    ['the response', (client, timeout) => client.double.start({ n: 1 }, { timeout })],
    ['the one response of a stream', (client, timeout) => client.sum.start(numbers(1), { timeout })],
    [
      'a response of many',
      (client, timeout) => {
        const { responses, cancel } = client.upTo.start({ n: 1 }, { timeout });
        return { response: all(responses), cancel };
      },
    ],
  ])('about %s holds up no cancel and no deadline', async (_, start) => {
    for (const end of ['cancel', 'deadline'] as const) {
      const { schema, asked } = stuck();
      const client = createClient(contract(number, schema), { baseUrl: 'http://localhost', fetch: fetchInto(handler) });
      const call = start(client, 1_000);
      const outcome = failure(call.response);
      await asked;
      if (end === 'cancel') call.cancel();
      else time().advance(1_000);
      expect((await outcome).code).toBe(end === 'cancel' ? 'canceled' : 'deadline_exceeded');
      time().advance(1_000);
    }
  });

  it('about a request holds up no implementation that reads them', async () => {
    const { schema, asked } = stuck();
    const read: Gate<unknown> = gate();
    const slow = createHandler([
      implement(contract(schema, number), {
        double: ({ n }) => ({ n }),
        upTo: ({ n }) => numbers(n),
        async sum(requests) {
          await all(requests).catch(read.open);
          return { n: 1 };
        },
      }),
    ]);
    const client = createClient(served, { baseUrl: 'http://localhost', fetch: fetchInto(slow) });
    const call = client.sum.start(numbers(1));
    await asked;
    call.cancel();
    expect((await failure(call.response)).code).toBe('canceled');
    expect(await read.opened).toMatchObject({ name: 'AbortError' });
  });
});
