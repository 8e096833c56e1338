// One request under all that may cancel it.
//
// Invariants
// 1. Tokens and signals are listened to from the first step until the body is over, and not a moment longer: fetch itself leaves
//    a listener behind on its signal until the next garbage collection (Node 20 to 24), so it gets a signal for this call alone.
// 2. Whatever cancels first gives the reason, as its own signal shows it: our token's error, a foreign signal's reason.
// 3. The peer is told before the caller, and once.
import type { CancellationToken, Registration } from '../core/index.ts';
import { withCancelCode } from './cancel-code.ts';
import { watchBody } from './response.ts';

export class Call {
  readonly #controller = new AbortController();
  #listening: readonly Registration[] = [];
  /** Held, as a Request's signal aborts only while its Request is there (Node 20 to 26), and fetch keeps but a copy of it. */
  readonly request: unknown;
  #reject: ((reason: unknown) => void) | undefined;

  /** @param parents live ones */
  constructor(parents: readonly CancellationToken[], request: unknown) {
    this.request = request;
    this.#listening = parents.map((parent) => parent.onCancel(this));
  }

  /** Sends the request; rejects with the reason as soon as there is one, whatever `send` does with the signal. */
  run(send: (signal: AbortSignal) => Promise<Response>): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#exchange(send).then(resolve, reject);
    });
  }

  async #exchange(send: (signal: AbortSignal) => Promise<Response>): Promise<Response> {
    const { signal } = this.#controller;
    try {
      const response = await send(signal);
      // It would hold the response: a promise keeps what it was resolved with.
      this.#reject = undefined;
      if (!signal.aborted) return watchBody(response, signal, () => this.#release());
      // It came all the same: nobody will read it.
      await response.body?.cancel(signal.reason);
    } catch (error) {
      this.#release();
      if (!signal.aborted) throw error;
    }
    throw signal.reason;
  }

  onCancelled(token: CancellationToken): void {
    this.#release();
    const { reason } = token.signal;
    withCancelCode(() => this.#controller.abort(reason));
    this.#reject?.(reason);
  }

  #release(): void {
    for (const registration of this.#listening) registration.unregister();
    this.#listening = [];
  }
}
