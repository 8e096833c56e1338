import http2 from 'node:http2';
import { afterEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, type CancelReason, reasonOf } from '../../lib/core/index.ts';
import { type Client, createClient } from '../../lib/rpc/client.ts';
import type { RpcError } from '../../lib/rpc/index.ts';
import { type CallContext, createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { type Server, serve } from '../../lib/server/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { GREET, Greeter } from '../rpc/support/greeter.ts';

type Greet = Client<typeof Greeter.methods>;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function clientOf(server: Server): Greet {
  const transport = http2Transport({ baseUrl: server.url });
  ends.push(() => transport.close());
  return createClient(Greeter, { transport });
}

/** One service of the chain, on its own port, and all that the spec may know of it. */
interface Hop {
  readonly name: string;
  readonly server: Server;
  readonly entered: Gate<CallContext>;
  /** The reason its handler's token had when it stopped. */
  readonly stopped: Gate<CancelReason | undefined>;
}

/** Serves `greet` with `work`. */
async function hop(name: string, log: string[], work: (context: CallContext) => Promise<string>): Promise<Hop> {
  const entered = gate<CallContext>();
  const stopped = gate<CancelReason | undefined>();
  const greeter = implement(Greeter, {
    async greet(_, context) {
      context.token.onCancel(({ reason }) => log.push(`${name} ${reason}`));
      entered.open(context);
      try {
        return { greeting: await work(context) };
      } finally {
        log.push(`${name} stopped`);
        stopped.open(context.token.reason);
      }
    },
  });
  const server = await serve(createHandler([greeter]));
  ends.push(() => server.close());
  return { name, server, entered, stopped };
}

/** A → B → C; C works until its token is cancelled. */
async function chain(log: string[] = []) {
  const untilCancelled = ({ token }: CallContext) => new Promise<never>((_, reject) => token.onCancel(reject));
  const c = await hop('C', log, untilCancelled);
  const through = (next: Greet) => async (context: CallContext) => {
    const { greeting } = await next.greet({ name: 'Ada' }, { token: context.token });
    return `assembled from ${greeting}`;
  };
  const b = await hop('B', log, through(clientOf(c.server)));
  const a = await hop('A', log, through(clientOf(b.server)));
  return { a, b, c, all: [a, b, c], client: clientOf(a.server), log };
}

const failure = (promise: Promise<unknown>): Promise<RpcError> =>
  promise.then(
    (value) => expect.fail(`resolved with ${JSON.stringify(value)}`),
    (error: RpcError) => error,
  );

const ada = { name: 'Ada' };
const reasons = (hops: readonly Hop[]) => Promise.all(hops.map(({ stopped }) => stopped.opened));

describe('a chain A → B → C over HTTP/2', () => {
  it('S0-01, S0-05, S0-09, S1-04, S1-09: one cancel by the client cancels every hop, long before the deadline', async () => {
    const { all, c, client } = await chain();
    const source = new CancellationSource();
    const response = client.greet(ada, { token: source.token, timeout: 10_000 });
    const { token } = await c.entered.opened;
    source.cancel('CANCELLED', { description: 'user closed the tab' });
    expect(await failure(response)).toMatchObject({ code: 'canceled', reason: 'CANCELLED' });
    expect(await reasons(all)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(token.error?.description).toBeUndefined();
    expect(token.remaining()).toBeGreaterThan(5_000);
  });

  it('S0-20, S0-25, S1-14: hears of it from the top down and stops without assembling anything', async () => {
    const { all, c, client, log } = await chain();
    const source = new CancellationSource();
    const response = failure(client.greet(ada, { token: source.token }));
    await c.entered.opened;
    source.cancel();
    await Promise.all([response, reasons(all)]);
    expect(log.filter((line) => line.endsWith('CANCELLED'))).toEqual(['A CANCELLED', 'B CANCELLED', 'C CANCELLED']);
    expect(log.filter((line) => line.endsWith('stopped')).sort()).toEqual(['A stopped', 'B stopped', 'C stopped']);
  });

  it('S0-03, S0-14, S0-23, S1-12: each hop gets what is left of the time, without a line of code for it', async () => {
    const { all, client } = await chain();
    const source = new CancellationSource();
    const response = failure(client.greet(ada, { token: source.token, timeout: 60_000 }));
    const left: number[] = [];
    for (const { entered } of all) left.push((await entered.opened).deadline);
    source.cancel();
    await Promise.all([response, reasons(all)]);
    const remaining = left.map((deadline) => deadline - performance.now());
    for (const ms of remaining) expect(ms).toBeLessThanOrEqual(60_000);
    expect(Math.min(...remaining)).toBeGreaterThan(0);
  });

  it('S1-02, S1-19: a deadline stops every hop with TIMEOUT, and the client gets deadline_exceeded', async () => {
    const { all, c, client } = await chain();
    using clock = fakeClock();
    const response = failure(client.greet(ada, { timeout: 150 }));
    await c.entered.opened;
    clock.advance(150);
    const error = await response;
    expect(error).toMatchObject({ code: 'deadline_exceeded', reason: 'TIMEOUT' });
    expect(reasonOf(error) ?? 'TIMEOUT').toBe('TIMEOUT');
    expect(await reasons(all)).toEqual(['TIMEOUT', 'TIMEOUT', 'TIMEOUT']);
  });

  it('S1-02: a client whose connection is lost is PEER_CLOSED to A, and CANCELLED below', async () => {
    const { a, all, c } = await chain();
    const session = http2.connect(a.server.url);
    const headers = { ':method': 'POST', ':path': GREET, 'content-type': 'application/json' };
    session
      .request(headers)
      .on('error', () => {})
      .end('{"name":"Ada"}');
    await c.entered.opened;
    session.destroy();
    expect(await reasons(all)).toEqual(
      ['PEER_CLOSED', 'PEER_CLOSED', 'PEER_CLOSED'].map((r, i) => (i === 0 ? r : 'CANCELLED')),
    );
  });

  it('S1-24: B drains: its handler sees SHUTDOWN, the client gets unavailable, C is cancelled', async () => {
    const { b, c, client } = await chain();
    const response = failure(client.greet(ada));
    await c.entered.opened;
    const report = b.server.drain({ graceMs: 0, timeoutMs: 10_000 });
    expect(await response).toMatchObject({ code: 'unavailable', remote: true });
    expect(await reasons([b, c])).toEqual(['SHUTDOWN', 'CANCELLED']);
    expect(await report).toMatchObject({ cancelled: 1, timedOut: 0, stillRunning: [] });
  });

  it('S0-06, S0-07: a call that fans out cancels all its calls, and one of them stops none of the others', async () => {
    const log: string[] = [];
    const leaves = await Promise.all(
      ['C1', 'C2', 'C3'].map((name) =>
        hop(name, log, ({ token }) => new Promise<never>((_, reject) => token.onCancel(reject))),
      ),
    );
    const clients = leaves.map(({ server }) => clientOf(server));
    const b = await hop('B', log, async ({ token }) => {
      const own = new CancellationSource({ parent: token });
      const calls = clients.map((client, index) => client.greet(ada, { token: index === 0 ? own.token : token }));
      await leaves[0]?.entered.opened;
      own.cancel();
      await failure(calls[0] as Promise<unknown>);
      await Promise.all(calls.slice(1));
      return '';
    });
    const source = new CancellationSource();
    const response = failure(clientOf(b.server).greet(ada, { token: source.token }));
    await leaves[0]?.stopped.opened;
    const others = await Promise.all(leaves.slice(1).map(({ entered }) => entered.opened));
    expect(others.map(({ token }) => token.cancelled)).toEqual([false, false]);
    source.cancel();
    expect(await reasons([b, ...leaves])).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED', 'CANCELLED']);
    await response;
  });

  it('S1-13: a call without the token of its handler outlives it', async () => {
    const log: string[] = [];
    const release = gate<string>();
    const c = await hop('C', log, () => release.opened);
    const next = clientOf(c.server);
    const answered = gate<string>();
    const b = await hop('B', log, async ({ token }) => {
      const { greeting } = await next.greet(ada, { token: CancellationToken.none });
      answered.open(`${greeting}, ${token.reason}`);
      return greeting;
    });
    const source = new CancellationSource();
    const response = failure(clientOf(b.server).greet(ada, { token: source.token }));
    const { token } = await b.entered.opened;
    await c.entered.opened;
    source.cancel();
    await response;
    await new Promise((resolve) => token.onCancel(resolve));
    release.open('finished all the same');
    expect(await answered.opened).toBe('finished all the same, CANCELLED');
  });
});

describe('over HTTP/2, the server', () => {
  it('refuses a body over the limit while it is still being sent, and the connection lives', async () => {
    const handler = createHandler([implement(Greeter, { greet: () => ({ greeting: 'hello' }) })], {
      maxBodyBytes: 1_000,
    });
    const server = await serve(handler);
    ends.push(() => server.close());
    const client = clientOf(server);
    for (const size of [2_000, 1_000_000]) {
      expect(await failure(client.greet({ name: 'a'.repeat(size) }))).toMatchObject({ code: 'resource_exhausted' });
    }
    expect(await client.greet(ada)).toEqual({ greeting: 'hello' });
  });
});
