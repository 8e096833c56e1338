import { CancellationToken, reasonOf } from '../core/index.ts';
import { RpcError } from '../rpc/index.ts';
import { createHandler, implement, type RpcHandler } from '../rpc/server.ts';
import type { WebHandler } from '../server/index.ts';
import { sleep } from '../task/index.ts';
import type { Carrier, Wire } from './carrier.ts';
import { type Fault, faulty } from './fault.ts';
import { CALL_HEADER, Greeter, type Greeting, readGreeting, STREAM_PATH } from './greeter.ts';
import { Diary, type Outcome, type Visit } from './visit.ts';

/** How a hop works. */
export interface HopSettings {
  readonly name: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly wire: Wire;
  /** Whether the handler hands its token on: to its own work, and to its call of the next hop. */
  readonly propagate: boolean;
  /** What is wrong with the token that it hands on; null: nothing. */
  readonly fault: Fault | null;
  /** What each step of the last hop takes, in milliseconds. */
  readonly stepMs: number;
  /** What a hop before the last does itself, one step before its call of the next hop and one after; 0: nothing. */
  readonly ownStepMs: number;
}

/** A call as a handler has got it. */
interface Incoming {
  readonly greeting: Greeting;
  readonly token: CancellationToken;
  readonly headers: Headers;
}

type Answer = { message: string };

/** The work of one hop, however it is called. */
export class HopWork {
  readonly #settings: HopSettings;
  readonly #next: () => Carrier | undefined;
  readonly #tell: (visit: Visit) => void;
  readonly #hand: (token: CancellationToken) => CancellationToken;
  #unnamed = 0;

  /**
   * @param next calls the next hop, asked for at each call; undefined makes this the last hop, which does the work
   * @param tell hears of each call, and of each change in it
   */
  constructor(settings: HopSettings, next: () => Carrier | undefined, tell: (visit: Visit) => void) {
    this.#settings = settings;
    this.#next = next;
    this.#tell = tell;
    this.#hand = settings.propagate ? faulty(settings.fault) : () => CancellationToken.none;
  }

  async greet(incoming: Incoming): Promise<Answer> {
    const { greeting, token, headers, next, own, diary } = this.#open(incoming);
    try {
      if (next === undefined) {
        for (let step = 0; step < greeting.steps; step++) await this.#step(this.#settings.stepMs, token, diary);
        return diary.stopped('answered', hello(greeting));
      }
      if (own) await this.#step(this.#settings.ownStepMs, token, diary);
      const answer = await next.greet(greeting, token, headers);
      if (own) await this.#step(this.#settings.ownStepMs, token, diary);
      return diary.stopped('answered', answer);
    } catch (error) {
      throw diary.stopped(outcomeOf(error, token), error);
    }
  }

  async *greetings(incoming: Incoming): AsyncGenerator<Answer> {
    const { greeting, token, headers, next, diary } = this.#open(incoming);
    // What the generator comes to when it is asked to return: its call is over.
    let outcome: Outcome = 'stopped';
    try {
      if (next !== undefined) yield* next.greetings(greeting, token, headers);
      else {
        for (let step = 0; step < greeting.steps; step++) {
          // The first one at once: it opens the stream.
          if (step > 0) await this.#step(this.#settings.stepMs, token, diary);
          yield hello(greeting);
        }
      }
      outcome = 'answered';
    } catch (error) {
      outcome = outcomeOf(error, token);
      throw error;
    } finally {
      diary.stopped(outcome, undefined);
    }
  }

  #open({ greeting, token: own, headers }: Incoming) {
    const { name, ownStepMs } = this.#settings;
    const next = this.#next();
    const call = headers.get(CALL_HEADER) ?? `${name}${++this.#unnamed}`;
    const steps = next === undefined ? greeting.steps : ownStepMs > 0 ? 2 : 0;
    const diary = new Diary(name, call, steps, own, this.#tell);
    // After the diary: what it hears of, it notes before the next hop is told.
    return { greeting, token: this.#hand(own), headers: { [CALL_HEADER]: call }, next, own: ownStepMs > 0, diary };
  }

  /** Ends at once, in its midst, when the token is cancelled. */
  async #step(ms: number, token: CancellationToken, diary: Diary): Promise<void> {
    await sleep(ms, token);
    diary.stepDone();
  }
}

/** Serves the contract. */
export function hopHandler(work: HopWork): RpcHandler {
  return createHandler([
    implement(Greeter, {
      greet: (greeting, { token, headers }) => work.greet({ greeting, token, headers }),
      greetings: (greeting, { token, headers }) => work.greetings({ greeting, token, headers }),
    }),
  ]);
}

/** Serves the same to `fetch`, with no contract. */
export function webHopHandler(work: HopWork): WebHandler {
  return async (request, { token }) => {
    const incoming = { greeting: readGreeting(await request.json()), token, headers: request.headers };
    if (new URL(request.url).pathname !== STREAM_PATH) return Response.json(await work.greet(incoming));
    return new Response(streamOf(work.greetings(incoming)));
  };
}

function streamOf(answers: AsyncIterator<Answer>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await answers.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
    },
    cancel: async () => void (await answers.return?.()),
  });
}

function hello({ name }: Greeting): Answer {
  return { message: `Hello, ${name}!` };
}

function outcomeOf(error: unknown, token: CancellationToken): Outcome {
  if (token.cancelled && reasonOf(error) !== undefined) return 'stopped';
  return error instanceof RpcError ? error.code : 'unknown';
}
