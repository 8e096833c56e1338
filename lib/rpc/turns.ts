import { type CancellationToken, clock } from '../core/index.ts';
import { sleep } from '../task/index.ts';

/** Lets the attempts of one call begin in turn: each so long after the one before, or as soon as none is under way. */
export class Turns {
  readonly #goesOn: (error: unknown) => boolean;
  #afterMs: number;
  #running = 0;
  /** When the last one began. */
  #begunAt = 0;
  #last: Promise<void> = Promise.resolve();
  #idle: (() => void) | undefined;

  /**
   * @param afterMs how long the first one is waited for; it doubles each time
   * @param goesOn whether others may follow an attempt that has failed so
   */
  constructor(afterMs: number, goesOn: (error: unknown) => boolean) {
    this.#afterMs = afterMs;
    this.#goesOn = goesOn;
  }

  /** Runs an attempt when it is its turn. @param token ends the wait */
  async take<T>(token: CancellationToken, attempt: () => Promise<T>): Promise<T> {
    const before = this.#last;
    let begun!: () => void;
    this.#last = new Promise((resolve) => {
      begun = resolve;
    });
    await before;
    try {
      if (this.#running > 0) await this.#pause(token);
      token.throwIfCancelled();
      this.#running++;
      this.#begunAt = clock.now();
    } finally {
      begun();
    }
    try {
      return await attempt();
    } catch (error) {
      // Any other end is the call's, which those that wait have yet to hear of.
      if (this.#goesOn(error) && --this.#running === 0) this.#idle?.();
      throw error;
    }
  }

  async #pause(token: CancellationToken): Promise<void> {
    const left = this.#begunAt + this.#afterMs - clock.now();
    this.#afterMs *= 2;
    if (left <= 0) return;
    const pause = token.child();
    this.#idle = () => pause.cancel();
    await sleep(left, pause.token).catch(() => {});
    pause.close();
  }
}
