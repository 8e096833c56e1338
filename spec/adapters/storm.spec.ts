// T-16: clients that come and go at any time, before handlers that do anything at any time. An error that nobody catches fails the run.
import { describe, expect, it, vi } from 'vitest';
import type { CancellationToken } from '../../lib/core/index.ts';
import { expectNoLeaks } from '../../lib/testing/index.ts';
import { type Ask, type Asked, type Client, connect, type Protocol } from '../server/support/peers.ts';
import { turns } from '../server/support/stage.ts';
import { scale } from '../support/soak.ts';
import { FRAMEWORKS } from './support/servers/all.ts';
import type { Framework, Held } from './support/servers/framework.ts';
import { type Serving, serving } from './support/servers/serving.ts';
import { inWordsOf } from './support/servers/set.ts';

vi.setConfig({ testTimeout: 60_000 + 30_000 * scale });

const CLIENTS = 50 * scale;
const AT_ONCE = 12;

/** So short that the limits take part. What handlers throw too late is none of this. */
const LIMITS = { handlerTimeoutMs: 10, requestTimeoutMs: 30, onError() {} };

/** A number from 0 to `sides` - 1; the same ones in every run. */
type Dice = (sides: number) => number;

function dice(): Dice {
  let state = 1;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const one = <T>(roll: Dice, of: readonly T[]): T => of[roll(of.length)] as T;

async function some(roll: Dice): Promise<void> {
  for (let left = roll(6); left > 0; left--) await new Promise(setImmediate);
}

/** Until the token is cancelled, or can't be any more. */
const stopped = (token: CancellationToken) =>
  new Promise<void>((resolve) => {
    token.onCancel(() => resolve());
    if (!token.canBeCancelled) resolve();
  });

function answer(held: Held, roll: Dice): void {
  if (roll(2) === 0) held.answer('done.');
  else {
    held.begin('begun.');
    held.end('done.');
  }
}

type Act = (held: Held, roll: Dice) => unknown;

/** What a handler may come to do, some time. */
const ACTS: readonly Act[] = [
  answer,
  async (held, roll) => {
    // On Node 20 the second request of a pipeline is not told that its body broke off.
    await Promise.race([held.readBody(), stopped(held.token)]);
    answer(held, roll);
  },
  async (held, roll) => {
    held.begin('begun.');
    await some(roll);
    held.end('done.');
  },
  async (held, roll) => {
    await stopped(held.token);
    await some(roll);
    answer(held, roll);
  },
  async (held) => {
    held.begin('begun.');
    await stopped(held.token);
    held.fail(held.token.error);
  },
  async (held) => {
    await stopped(held.token);
    held.fail(held.token.error);
  },
];

/** Those that throw what is no cancel, which under node:http is an uncaught error. */
const FAILURES: readonly Act[] = [
  async (held, roll) => {
    await some(roll);
    held.fail(new Error('no such table'));
  },
  async (held) => {
    await stopped(held.token);
    held.fail(new Error('no such table'));
  },
  async (held, roll) => {
    held.begin('begun.');
    await some(roll);
    held.fail(new Error('no such table'));
  },
];

/** Runs handlers; each comes to its end, whatever its act came to. */
async function handle({ seen }: Serving, acts: readonly Act[], roll: Dice): Promise<CancellationToken[]> {
  const tokens: CancellationToken[] = [];
  const handler = async (held: Held) => {
    tokens.push(held.token);
    const act = (async () => one(roll, acts)(held, roll))().catch(() => {});
    await stopped(held.token);
    await act;
    held.fail(held.token.error);
  };
  void (async () => {
    for (;;) void handler(await seen.take());
  })();
  return tokens;
}

const DEEDS: readonly ((client: Client, asked: Asked) => unknown)[] = [
  (client, asked) => Promise.race([asked.responded, asked.over, client.gone]),
  (client) => client.leave(),
  (client) => client.drop(),
  (client) => client.halfClose(),
  (_, asked) => asked.reset(0),
  (_, asked) => asked.reset(2),
  (_, asked) => asked.abort(),
];

function someAsk({ parses }: Framework, roll: Dice): { ask: Ask; streams: boolean } {
  if (roll(2) === 0) return { ask: {}, streams: roll(2) === 0 };
  const unfinished = !parses && roll(2) === 0;
  const headers = { 'content-type': 'application/json' };
  return { ask: { method: 'POST', headers, body: '"Ada"', unfinished }, streams: false };
}

/** A client, and what it has asked: over HTTP/1.1 in a pipeline. */
async function come(framework: Framework, protocol: Protocol, { port }: Serving, roll: Dice) {
  const client = await connect(protocol, port);
  const asked = Array.from({ length: framework.bySignal ? 1 : 1 + roll(3) }, () => {
    const { ask, streams } = someAsk(framework, roll);
    return client.ask(inWordsOf(framework, ask, streams));
  });
  await some(roll);
  return { client, asked };
}

describe.each(FRAMEWORKS)('$name', (framework) => {
  const acts = framework.failsWith === 'uncaught' ? ACTS : [...ACTS, ...FAILURES];

  describe.each(framework.protocols.filter((protocol) => protocol !== 'h2 over TLS'))('over %s', (protocol) => {
    async function set(roll: Dice) {
      const app = await serving(framework, protocol, LIMITS);
      return { app, tokens: await handle(app, acts, roll) };
    }

    async function nothingIsLeft(app: Serving, tokens: readonly CancellationToken[]) {
      await app.settled();
      await turns();
      expect(app.connections.size).toBe(0);
      expectNoLeaks(...tokens);
    }

    it('when the last client has gone, nothing is under way', async () => {
      const roll = dice();
      const { app, tokens } = await set(roll);
      let left = CLIENTS;
      const work = async () => {
        while (left-- > 0) {
          const { client, asked } = await come(framework, protocol, app, roll);
          await one(roll, DEEDS)(client, one(roll, asked));
          await some(roll);
          client.leave();
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      await nothingIsLeft(app, tokens);
      expect(tokens.length).toBeGreaterThan(CLIENTS / 2);
      const none = { drained: 0, cancelled: 0, timedOut: 0, stillRunning: [] };
      expect(await app.drain()).toMatchObject(none);
      await app.close();
    });

    it('a drain lets every client go', async () => {
      const roll = dice();
      const { app, tokens } = await set(roll);
      const all = await Promise.all(Array.from({ length: AT_ONCE }, () => come(framework, protocol, app, roll)));
      await app.drain({ graceMs: 5, timeoutMs: 5 });
      for (const { client } of all) await client.gone;
      await nothingIsLeft(app, tokens);
      await app.close();
    });
  });
});
