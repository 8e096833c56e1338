import { expect, it } from 'vitest';
import { CancellationSource } from '../../../lib/core/index.ts';
import type { Client } from '../../../lib/rpc/client.ts';
import type { RpcError } from '../../../lib/rpc/index.ts';
import { fakeClock } from '../../../lib/testing/index.ts';
import { all, type Counter, numbers } from './counter.ts';
import type { Counting } from './counting.ts';

/** What holds for the calls of a {@link counting} service, whatever server it is under. @param connect makes a client of it */
export function itsCalls(connect: () => Promise<Client<(typeof Counter)['methods']>>, { entered }: Counting): void {
  it('serves every kind', async () => {
    const counter = await connect();
    expect(await counter.double({ n: 2 })).toEqual({ n: 4 });
    expect(await all(counter.upTo({ n: 3 }))).toHaveLength(3);
    expect(await counter.sum(numbers(3))).toEqual({ n: 3 });
    expect(await all(counter.chat(numbers(3)))).toHaveLength(3);
  });

  it('S1-04: stops with its caller', async () => {
    const counter = await connect();
    const source = new CancellationSource();
    const outcome = counter.double({ n: 0 }, { token: source.token }).catch((error: RpcError) => error.code);
    const { token } = await entered();
    const heard = new Promise((resolve) => token.onCancel(resolve));
    source.cancel();
    expect(await outcome).toBe('canceled');
    await heard;
  });

  it('S1-23: answers at the deadline by itself', async () => {
    const counter = await connect();
    using clock = fakeClock();
    const late = counter.double({ n: 0 }, { timeout: 150 }).catch((error: RpcError) => error.code);
    const { token } = await entered();
    clock.advance(150);
    expect(token.reason).toBe('TIMEOUT');
    expect(await late).toBe('deadline_exceeded');
  });
}
