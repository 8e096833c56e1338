// What is measured of a server in a process of its own.
import type { Experiment } from '../harness.ts';
import { http1Load } from '../load/http1.ts';
import { http2Load } from '../load/http2.ts';
import type { Ask, Load } from '../load/load.ts';
import { Service } from '../load/service.ts';
import { parts, warmUp } from '../parts.ts';
import { type Callers, callers } from './callers.ts';
import { HOLD, PATH, type Protocol } from './site.ts';

const PROGRAM = new URL('./site-process.js', import.meta.url);

export const GET: Ask = { method: 'GET', path: PATH };
export const POST: Ask = {
  method: 'POST',
  path: PATH,
  headers: { 'content-type': 'application/json' },
  body: '{"name":"Ada"}',
};

function load(protocol: Protocol, port: number, width: number, ask: Ask): Promise<Load> {
  return (protocol === 'h2c' ? http2Load : http1Load)(port, width, ask);
}

/** A server that is to be loaded. Each round has connections of its own: between two of them a server would close those that rest. */
interface Target {
  readonly service: Service;
  /** Loads the server for so long. `during` is called with what has been opened, and is what is measured. */
  loaded<T>(during: (load: Load) => Promise<T>): Promise<T>;
}

async function target(module: string, protocol: Protocol, width: number, ask: Ask): Promise<Target> {
  const service = await Service.start(PROGRAM, [module, protocol]);
  return {
    service,
    async loaded(during) {
      const opened = await load(protocol, service.port, width, ask);
      try {
        return await during(opened);
      } finally {
        opened.close();
      }
    },
  };
}

/** What `figure` makes of a server that is loaded for a round. */
async function rounds(
  starting: Promise<Target>,
  figure: (load: Load, ms: number, service: Service) => Promise<number>,
): Promise<Experiment> {
  const { service, loaded } = await starting;
  let warm = false;
  return {
    measure: ({ roundMs, maxOps }) =>
      loaded(async (load) => {
        if (!warm) await warmUp(maxOps, async () => (await load.run(roundMs)).answers);
        warm = true;
        return await figure(load, roundMs, service);
      }),
    close: () => service.end(),
  };
}

/** Requests that are answered in a second. */
export function rate(module: string, protocol: Protocol, width: number): Promise<Experiment> {
  return rounds(target(module, protocol, width, GET), async (load, roundMs) => {
    const found = await parts(roundMs, async (partMs) => {
      const { answers, ms } = await load.run(partMs);
      return (answers * 1000) / ms;
    });
    return Math.max(...found);
  });
}

/** The server's processor's time for a request, in microseconds, at 16 at once. */
export function price(module: string, protocol: Protocol, ask: Ask): Promise<Experiment> {
  return rounds(target(module, protocol, 16, ask), async (load, roundMs, service) => {
    const found = await parts(roundMs, async (partMs) => {
      const before = await service.usage(false);
      const { answers } = await load.run(partMs);
      const after = await service.usage(false);
      return (after.cpuUs - before.cpuUs) / answers;
    });
    return Math.min(...found);
  });
}

const MANY = 10_000;
/** Before the first is held the server has to have done something, or its own code would be in what they weigh. */
const BEFORE_MS = 300;

/** What a server's memory grows by for each request that it holds. */
export function held(module: string, protocol: Protocol): Experiment {
  return {
    async measure({ roundMs, maxOps }) {
      const count = Math.min(MANY, maxOps);
      const { service, loaded } = await target(module, protocol, 16, GET);
      try {
        await loaded((load) => load.run(Math.min(roundMs, BEFORE_MS)));
        const before = await service.usage(true);
        const holding = await load(protocol, service.port, count, { method: 'GET', path: HOLD });
        await holding.hold();
        let after = before;
        while (after.held < count) after = await service.usage(false);
        after = await service.usage(true);
        holding.close();
        return (after.rss - before.rss) / count;
      } finally {
        await service.end();
      }
    },
    close() {},
  };
}

const LEAST = 20;
/** Before the first that counts. */
const WARM_UP_LEAVES = 300;

/** From a client's leaving until the handler has been told, in microseconds: the middle of those of a round. */
export async function leaving(module: string, protocol: Protocol): Promise<Experiment> {
  const service = await Service.start(PROGRAM, [module, protocol, 'tells']);
  const clients: Callers = await callers(protocol, service.port);
  async function leave(): Promise<number> {
    const [held, leaves] = [service.told(), await clients.call(HOLD)];
    await held;
    const told = service.told();
    const start = Number(process.hrtime.bigint());
    leaves();
    return (((await told) as number) - start) / 1000;
  }
  let left = 0;
  return {
    async measure({ roundMs, maxOps }) {
      for (; left < Math.min(WARM_UP_LEAVES, maxOps); left++) await leave();
      const times: number[] = [];
      const end = performance.now() + roundMs;
      while ((performance.now() < end || times.length < LEAST) && times.length < maxOps) times.push(await leave());
      return times.sort((a, b) => a - b)[times.length >> 1] as number;
    },
    async close() {
      clients.close();
      await service.end();
    },
  };
}
