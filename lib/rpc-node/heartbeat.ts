import type { ClientHttp2Session } from 'node:http2';
import { clock } from '../core/index.ts';

/** When a connection is asked whether its peer is still there. Times in milliseconds; Infinity: never. */
export interface HeartbeatOptions {
  /** Silence after which a peer with calls under way is sent a PING. */
  readonly pingIntervalMs: number;
  /** The same for an idle connection, so that nobody between forgets it. */
  readonly idlePingIntervalMs: number;
  /** What the answer to a PING may take. */
  readonly pingTimeoutMs: number;
}

/**
 * PINGs, and what comes of them: a peer that is frozen, or was cut off, says nothing at all, and a connection to it would look
 * well for ever; one that it was about to close as well.
 */
export class Heartbeat {
  readonly #session: ClientHttp2Session;
  readonly #options: HeartbeatOptions;
  readonly #frozen: () => void;
  #busy = false;
  #heardAt = clock.now();
  #disarm: (() => void) | undefined;
  #armedFor = 0;

  /** @param frozen called when a PING was not answered in time */
  constructor(session: ClientHttp2Session, options: HeartbeatOptions, frozen: () => void) {
    this.#session = session;
    this.#options = options;
    this.#frozen = frozen;
  }

  /** Something has come from the peer. */
  heard(): void {
    this.#heardAt = clock.now();
  }

  /** Starts, or goes on with the other interval. @param busy calls are under way */
  run(busy: boolean): void {
    this.#busy = busy;
    // A timer that is armed for earlier finds out by itself: a quick call is not to pay for two of them.
    if (this.#disarm !== undefined && this.#armedFor <= this.#due) return;
    this.stop();
    this.#wait();
  }

  stop(): void {
    this.#disarm?.();
    this.#disarm = undefined;
  }

  /** When the silence is long enough to ask. */
  get #due(): number {
    return this.#heardAt + (this.#busy ? this.#options.pingIntervalMs : this.#options.idlePingIntervalMs);
  }

  #wait(): void {
    this.#armedFor = this.#due;
    const left = this.#armedFor - clock.now();
    if (left === Number.POSITIVE_INFINITY) return;
    this.#disarm = clock.after(Math.max(left, 0), () => {
      this.#disarm = undefined;
      if (clock.now() < this.#due) this.#wait();
      else this.#ping();
    });
  }

  #ping(): void {
    if (this.#session.destroyed) return;
    let waits = true;
    // What has come is read before: a process that was busy itself blames nobody for it.
    this.#disarm = clock.after(this.#options.pingTimeoutMs, () => setImmediate(() => waits && this.#frozen()));
    // Nothing is more urgent than the answer.
    this.#armedFor = Number.NEGATIVE_INFINITY;
    const answered = (error: Error | null) => {
      waits = false;
      this.stop();
      if (error !== null) return;
      this.heard();
      this.#wait();
    };
    // Once GOAWAY has come, Node sends no PING any more. SETTINGS that change nothing are answered as well.
    if (this.#session.closed) this.#session.settings({}, answered);
    // Refused only while another one is unanswered.
    else this.#session.ping(answered);
  }
}
