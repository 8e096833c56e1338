// Runs a handler that takes the exchange itself. It answers for itself, also at a deadline; if it does not, nobody will.
import { clock } from '../core/index.ts';
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

/** Starts `handler` for `call`; never rejects. */
export async function runDirectHandler(handler: ExchangeHandler, call: Call, host: DirectHost): Promise<void> {
  call.streamTimeoutMs = host.requestTimeoutMs;
  // An object, as for a function the error would be made, before anybody hears of the cancel.
  const registration = call.token.onCancel({
    onCancelled({ reason }) {
      if (reason === 'TIMEOUT') clock.after(ANSWER_MS, () => call.cut());
    },
  });
  try {
    await handler(call);
    if (!call.finished) throw new Error('Expected the handler to answer before its promise resolves.');
  } catch (error) {
    call.failed = true;
    host.onError(error, call.name);
    answerError(call, 'internal', 'The handler failed.');
  }
  registration.unregister();
  call.handlerEnded();
}
