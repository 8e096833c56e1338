import { CancellationToken, reasonOf } from '../core/index.ts';
import { type Client, createClient } from '../rpc/client.ts';
import { RpcError } from '../rpc/index.ts';
import { type CallContext, createHandler, implement, type RpcHandler } from '../rpc/server.ts';
import { http2Transport } from '../rpc-node/index.ts';
import { sleep } from '../task/index.ts';
import { CALL_HEADER, Greeter } from './greeter.ts';
import { Diary, type Outcome, type Visit } from './visit.ts';

/** How a hop works. */
export interface HopSettings {
  readonly name: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Whether the handler hands its token on: to its own work, and to its call of the next hop. */
  readonly propagate: boolean;
  /** What each step of the last hop takes, in milliseconds. */
  readonly stepMs: number;
  /** What a hop before the last does itself, one step before its call of the next hop and one after; 0: nothing. */
  readonly ownStepMs: number;
}

export type GreeterClient = Client<(typeof Greeter)['methods']>;

/** A client of the hop at `baseUrl`, over real HTTP/2. */
export function clientOf(baseUrl: string): GreeterClient {
  return createClient(Greeter, { transport: http2Transport({ baseUrl }) });
}

/**
 * The handler of one hop.
 *
 * @param next the client to call on, asked at each call; undefined makes this the last hop, which does the work
 * @param tell hears of each call, and of each change in it
 */
export function hopHandler(
  settings: HopSettings,
  next: () => GreeterClient | undefined,
  tell: (visit: Visit) => void,
): RpcHandler {
  let unnamed = 0;
  return createHandler([
    implement(Greeter, {
      async greet({ name, steps }, context) {
        const client = next();
        const own = settings.ownStepMs > 0 ? 1 : 0;
        const call = callOf(context) ?? `${settings.name}${++unnamed}`;
        const diary = new Diary(settings.name, call, client === undefined ? steps : 2 * own, context.token, tell);
        const token = settings.propagate ? context.token : CancellationToken.none;
        const headers = { [CALL_HEADER]: call };
        try {
          if (client === undefined) {
            await work(steps, settings.stepMs, token, diary);
            return diary.stopped('answered', { message: `Hello, ${name}!` });
          }
          await work(own, settings.ownStepMs, token, diary);
          const answer = await client.greet({ name, steps }, { token, headers });
          await work(own, settings.ownStepMs, token, diary);
          return diary.stopped('answered', answer);
        } catch (error) {
          throw diary.stopped(outcomeOf(error, token), error);
        }
      },
    }),
  ]);
}

function callOf({ headers }: CallContext): string | undefined {
  return headers.get(CALL_HEADER) ?? undefined;
}

/** Steps that end at once, in their midst, when the token is cancelled. */
async function work(steps: number, ms: number, token: CancellationToken, diary: Diary): Promise<void> {
  for (let step = 0; step < steps; step++) {
    await sleep(ms, token);
    diary.stepDone();
  }
}

function outcomeOf(error: unknown, token: CancellationToken): Outcome {
  if (token.cancelled && reasonOf(error) !== undefined) return 'stopped';
  return error instanceof RpcError ? error.code : 'unknown';
}
