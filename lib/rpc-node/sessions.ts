import { clock } from '../core/index.ts';
import { RpcError } from '../rpc/index.ts';
import { type Dialling, Session } from './session.ts';

/** The first of the pauses between attempts to connect, and the longest, in milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5_000;

/**
 * The connections to one origin: one as a rule, more while one has no budget left for the calls under way.
 *
 * Where connecting has failed twice in a row, calls fail at once during a pause that doubles with each failure: a server that
 * comes back is not to be met by all that waited. A single failure costs no pause.
 */
export class Sessions {
  readonly #dialling: Dialling;
  readonly #all = new Set<Session>();
  #current: Session | undefined;
  #closed = false;
  #failures = 0;
  #pauseEnds = 0;

  constructor(dialling: Dialling) {
    this.#dialling = dialling;
  }

  /** A session with room for one call, counted in already; it may still be connecting. Else why there is none. */
  take(): Session | RpcError {
    if (this.#closed) return this.#refusal('is closed');
    try {
      if (this.#current?.usable !== true) this.#current = this.#usable() ?? this.#connect();
    } catch (error) {
      // What `http2.connect` makes of its options, or their `createConnection` of being called.
      return this.#refusal(`could not begin a connection: ${(error as Error).message}`, error);
    }
    if (this.#current === undefined) return this.#refusal('waits a little, as its server could not be reached');
    this.#current.take();
    return this.#current;
  }

  /** Counts a call out. @param reset it was given up with RST_STREAM */
  release(session: Session, reset: boolean): void {
    session.release(reset);
    // What a rush of calls has opened beside it goes when the rush is over.
    if (session !== this.#current && session.idle) session.retire();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#all];
    for (const session of all) session.retire();
    await Promise.all(all.map((session) => session.gone()));
  }

  #refusal(why: string, cause?: unknown): RpcError {
    const message = `The transport to ${this.#dialling.origin} ${why}.`;
    return new RpcError('unavailable', message, { neverProcessed: true, cause });
  }

  #usable(): Session | undefined {
    for (const session of this.#all) if (session.usable) return session;
    return undefined;
  }

  #connect(): Session | undefined {
    if (clock.now() < this.#pauseEnds) return undefined;
    const session = new Session(this.#dialling, (gone) => {
      this.#all.delete(gone);
      if (gone.connected) return;
      const pause = Math.min(FIRST_PAUSE * 2 ** (this.#failures - 1), LONGEST_PAUSE);
      // Up to a fifth less, so that clients which failed together do not come back together.
      if (this.#failures++ > 0) this.#pauseEnds = clock.now() + pause * (1 - Math.random() / 5);
    });
    session.ready.then(
      () => {
        this.#failures = 0;
      },
      () => {},
    );
    this.#all.add(session);
    return session;
  }
}
