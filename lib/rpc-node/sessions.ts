import { RpcError } from '../rpc/index.ts';
import { Session, type SessionOptions } from './session.ts';

/** The connections to one origin: one as a rule, more while one has no budget left for the calls under way. */
export class Sessions {
  readonly #origin: string;
  readonly #options: SessionOptions | undefined;
  readonly #all = new Set<Session>();
  #current: Session | undefined;
  #closed = false;

  constructor(origin: string, options: SessionOptions | undefined) {
    this.#origin = origin;
    this.#options = options;
  }

  /** A session with room for one call, counted in already; it may still be connecting. None once this is closed. */
  take(): Session | undefined {
    if (this.#closed) return undefined;
    if (this.#current?.usable !== true) this.#current = this.#usable() ?? this.#connect();
    this.#current.take();
    return this.#current;
  }

  /** Counts a call out. @param reset it was given up with RST_STREAM */
  release(session: Session, reset: boolean): void {
    session.release(reset);
    // What a rush of calls has opened beside it goes when the rush is over.
    if (session !== this.#current && session.idle) session.retire();
  }

  closedError(): RpcError {
    return new RpcError('unavailable', `The transport to ${this.#origin} is closed.`, { neverProcessed: true });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#all];
    for (const session of all) session.retire();
    await Promise.all(all.map((session) => session.gone()));
  }

  #usable(): Session | undefined {
    for (const session of this.#all) if (session.usable) return session;
    return undefined;
  }

  #connect(): Session {
    const session = new Session(this.#origin, this.#options, (gone) => this.#all.delete(gone));
    this.#all.add(session);
    return session;
  }
}
