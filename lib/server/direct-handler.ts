// Runs a handler that takes the exchange itself. It answers for itself, also at a deadline; if it does not, nobody will.
import { type CancellationToken, clock, type Registration } from '../core/index.ts';
import type { ExchangeHandler } from '../wire/index.ts';
import { answerError } from './answer.ts';
import type { Call } from './call.ts';

/** What an answer may take after the deadline, in milliseconds. */
const ANSWER_MS = 1_000;

export interface DirectHost {
  /** In milliseconds; Infinity is none. */
  readonly requestTimeoutMs: number;
  onError(error: unknown, name: string): void;
}

/** Starts `handler` for `call`. */
export function runDirectHandler(handler: ExchangeHandler, call: Call, host: DirectHost): void {
  new DirectRun(call, host).start(handler);
}

/** An object in place of an async function: it is its own listener, and half of what would be kept of a call that is held. */
class DirectRun {
  readonly #call: Call;
  readonly #host: DirectHost;
  #registration: Registration | undefined;

  constructor(call: Call, host: DirectHost) {
    this.#call = call;
    this.#host = host;
  }

  start(handler: ExchangeHandler): void {
    const call = this.#call;
    call.streamTimeoutMs = this.#host.requestTimeoutMs;
    this.#registration = call.token.onCancel(this);
    try {
      handler(call).then(
        () => this.#returned(),
        (error) => this.#failed(error),
      );
    } catch (error) {
      this.#failed(error);
    }
  }

  onCancelled({ reason }: CancellationToken): void {
    if (reason === 'TIMEOUT') clock.after(ANSWER_MS, () => this.#call.cut());
  }

  #returned(): void {
    if (this.#call.finished) this.#ended();
    else this.#failed(new Error('Expected the handler to answer before its promise resolves.'));
  }

  #failed(error: unknown): void {
    const call = this.#call;
    call.failed = true;
    this.#host.onError(error, call.name);
    answerError(call, 'internal', 'The handler failed.');
    // An answer that has begun: nobody would ever end it.
    call.cut();
    this.#ended();
  }

  #ended(): void {
    this.#registration?.unregister();
    this.#call.handlerEnded();
  }
}
