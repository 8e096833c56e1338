// One query under way, and what becomes of its connection when the token is cancelled.
//
// Invariants
// 1. The query's own end decides, whenever the cancel came: a value is a value, an error an error. Only the server's word that
//    it has stopped the query as it was asked to becomes the token's error.
// 2. A cancel names a connection, not a query. So the connection is not free again before the query has ended, the server has
//    acknowledged every request, and one more round trip has taken whatever may still be on its way.
// 3. A request may come before the query does, and is repeated until the query has ended.
// 4. Where one does not know whether a request has arrived, the connection is not used again.
import { CancellationError, type CancellationToken, clock, type Registration } from '../core/index.ts';
import type { Policy } from './options.ts';
import { abandon, type Begin, type Session } from './session.ts';

/** In milliseconds; doubled from the one to the other. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 1_000;

export class Flight<T> {
  readonly result: Promise<T>;
  readonly #token: CancellationToken;
  readonly #session: Session;
  readonly #policy: Policy;
  readonly #over: (lost: boolean) => void;
  readonly #registration: Registration;
  #fail!: (error: unknown) => void;
  #landed = false;
  #cancelled = false;
  #givenUp = false;
  /** What the caller was told before the query had ended. */
  #verdict: CancellationError | undefined;
  /** Why the last request could not be made. */
  #failure: unknown;
  #wake: (() => void) | undefined;

  /** @param over called once, when the connection is free again, or has been lost */
  constructor(
    begin: Begin<T>,
    token: CancellationToken,
    session: Session,
    policy: Policy,
    over: (lost: boolean) => void,
  ) {
    this.#token = token;
    this.#session = session;
    this.#policy = policy;
    this.#over = over;
    this.result = new Promise((resolve, reject) => {
      this.#fail = reject;
      const told = (error: unknown): unknown => this.#told(error);
      begun(begin, told).then(
        (value) => {
          this.#land();
          resolve(value);
        },
        (error) => {
          this.#land();
          reject(told(error));
        },
      );
    });
    // Last, as it may call back at once: the token of another thread's may be cancelled between two looks at it.
    this.#registration = token.onCancel(this);
  }

  /** Whether the token was cancelled while the query was under way. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  get #kills(): boolean {
    return this.#policy.inflight === 'kill session';
  }

  onCancelled(): void {
    this.#cancelled = true;
    if (this.#policy.inflight === 'ignore query') this.#reject(this.#token.error as CancellationError);
    else void this.#stop();
  }

  #reject(verdict: CancellationError): void {
    this.#verdict = verdict;
    this.#fail(verdict);
  }

  #told(error: unknown): unknown {
    if (this.#verdict !== undefined) return this.#verdict;
    return this.#cancelled && this.#session.isStop(error, this.#kills) ? this.#token.error : error;
  }

  #land(): void {
    this.#landed = true;
    this.#registration.unregister();
    this.#wake?.();
    if (!this.#cancelled || this.#policy.inflight === 'ignore query') this.#over(false);
  }

  async #stop(): Promise<void> {
    const { graceMs } = this.#policy;
    const disarm = graceMs === Number.POSITIVE_INFINITY ? undefined : clock.after(graceMs, () => void this.#giveUp());
    let sure = true;
    for (let pause = FIRST_PAUSE; !this.#landed && !this.#givenUp; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        await (this.#kills ? this.#session.kill() : this.#session.cancel());
      } catch (error) {
        this.#failure = error;
        sure = false;
      }
      if (!this.#landed && !this.#givenUp) await this.#nap(pause);
    }
    if (this.#givenUp) return;
    const lost = this.#kills || !sure || !(await this.#isWell());
    if (this.#givenUp) return;
    if (lost) await abandon(this.#session);
    disarm?.();
    if (!this.#givenUp) this.#over(lost);
  }

  /** Waits until the query has ended, but no longer than that. */
  #nap(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const disarm = clock.after(ms, resolve);
      this.#wake = () => {
        disarm();
        resolve();
      };
    });
  }

  async #isWell(): Promise<boolean> {
    try {
      await this.#session.probe();
      return true;
    } catch (error) {
      return this.#session.isStop(error, false);
    }
  }

  async #giveUp(): Promise<void> {
    this.#givenUp = true;
    const { reason, error } = this.#token;
    const description = `the query had not ended ${this.#policy.graceMs} ms after its cancel, and its connection was given up`;
    this.#reject(new CancellationError(reason, { description, cause: this.#failure ?? error }));
    this.#wake?.();
    await abandon(this.#session);
    this.#over(true);
  }
}

function begun<T>(begin: Begin<T>, told: (error: unknown) => unknown): Promise<T> {
  try {
    return begin(told);
  } catch (error) {
    return Promise.reject(error);
  }
}
