// The queries of one connection, one after the other: the next one begins when the connection of the last is free.
import type { CancellationToken } from '../core/index.ts';
import { Flight } from './flight.ts';
import type { Policy } from './options.ts';
import { abandon, type Begin, type Session } from './session.ts';

export class Lane {
  readonly #session: Session;
  /** Each begins something and says so, or finds that there is nothing to begin any more. */
  readonly #waiting: (() => boolean)[] = [];
  #busy = false;
  /** A cancel has kept a query from running, or from running to its end: a transaction may be open. */
  #struck = false;
  #lost = false;
  #leaving = false;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Runs a query under a token, when its turn has come.
   *
   * @returns what the query comes to; rejects with the token's error where that kept it from beginning
   */
  run<T>(begin: Begin<T>, token: CancellationToken, policy: Policy): Promise<T> {
    if (token.cancelled) {
      this.#struck = true;
      return Promise.reject(token.error);
    }
    if (!this.#busy) return this.#fly(begin, token, policy);
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#struck = true;
        reject(token.error);
      };
      const registration = token.onCancel({ onCancelled: stop });
      this.#waiting.push(() => {
        registration.unregister();
        if (token.cancelled) stop();
        else this.#fly(begin, token, policy).then(resolve, reject);
        return this.#busy;
      });
    });
  }

  #fly<T>(begin: Begin<T>, token: CancellationToken, policy: Policy): Promise<T> {
    this.#busy = true;
    const flight: Flight<T> = new Flight(begin, token, this.#session, policy, (lost) => {
      this.#struck ||= flight.cancelled;
      this.#lost ||= lost;
      this.#next();
    });
    return flight.result;
  }

  #next(): void {
    this.#busy = false;
    for (let begin = this.#waiting.shift(); begin !== undefined; begin = this.#waiting.shift()) if (begin()) return;
  }

  /** @returns undefined when nothing runs on the connection, else when that is so */
  free(): Promise<void> | undefined {
    if (!this.#busy) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        resolve();
        return false;
      });
    });
  }

  /**
   * Gives the connection back when it is ready for somebody else: with nothing under way, and no transaction open that a cancel
   * has cut. At once, where it is so already.
   *
   * @param giveBack is told whether the connection is lost
   * @returns false when it is on its way back already
   */
  leave(giveBack: (lost: boolean) => void): boolean {
    if (this.#leaving) return false;
    if (this.#busy || (this.#struck && !this.#lost)) {
      this.#leaving = true;
      void this.#clear().then(() => {
        this.#leaving = false;
        giveBack(this.#lost);
      });
    } else giveBack(this.#lost);
    return true;
  }

  async #clear(): Promise<void> {
    await this.free();
    if (!this.#struck || this.#lost) return;
    try {
      await this.#session.clear();
      this.#struck = false;
    } catch {
      this.#lost = true;
      await abandon(this.#session);
    }
  }
}
