// Who waits for a connection of postgres.js to themselves.
//
// 1. Who waits is served in turn, by whichever `reserve` comes first. A connection that comes for nobody goes back.
// 2. The driver loses a `reserve` that waits while a connection closes; so one more is sent for each connection that does.
// 3. The driver does not end while a connection is reserved, nor when that comes back; so it is told to end when all are back.
import type { CancellationToken } from '../core/index.ts';
import type { Face, Options } from './driver.ts';

interface Waiter {
  resolve(reserved: Face): void;
  reject(error: unknown): void;
}

const rooms = new WeakMap<Options, WaitingRoom>();

export class WaitingRoom {
  readonly #sql: Face;
  readonly #waiting = new Set<Waiter>();
  /** How many connections are out. */
  #out = 0;
  #ended = false;
  #empty: (() => void) | undefined;

  private constructor(sql: Face) {
    this.#sql = sql;
    const { options, end } = sql;
    const { onclose } = options;
    options.onclose = (id) => {
      onclose?.(id);
      queueMicrotask(() => this.#waiting.size > 0 && this.#reserve());
    };
    sql.end = async (ending) => {
      this.#ended = true;
      const inTime = await this.#emptied(ending?.timeout);
      return end.call(sql, inTime ? ending : { ...ending, timeout: 0 });
    };
  }

  /** The one of a pool, through however many views it is seen. */
  static of(sql: Face): WaitingRoom {
    const room = rooms.get(sql.options) ?? new WaitingRoom(sql);
    rooms.set(sql.options, room);
    return room;
  }

  /** Waits until nobody waits and no connection is out. @param seconds no longer than that @returns whether it was so in time */
  #emptied(seconds: number | null | undefined): Promise<boolean> {
    if (this.#out + this.#waiting.size === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = typeof seconds === 'number' ? setTimeout(resolve, 1_000 * seconds, false) : undefined;
      this.#empty = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  #leave(): void {
    if (this.#out + this.#waiting.size === 0) this.#empty?.();
  }

  /** The driver has been told to end: a `reserve` would wait for ever. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Waits for a connection, but no longer than the token. It has to be given back. */
  take(token: CancellationToken): Promise<Face> {
    if (token.cancelled) return Promise.reject(token.error);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve(reserved) {
          registration.unregister();
          resolve(reserved);
        },
        reject(error) {
          registration.unregister();
          reject(error);
        },
      };
      this.#waiting.add(waiter);
      // It may call back at once: the token of another thread's may be cancelled between two looks at it.
      const registration = token.onCancel((error) => {
        this.#waiting.delete(waiter);
        this.#leave();
        reject(error);
      });
      this.#reserve();
    });
  }

  /** @param alive false: the connection has closed, or is about to */
  giveBack(reserved: Face, alive: boolean): void {
    this.#out--;
    if (alive) reserved.release();
    this.#leave();
  }

  #reserve(): void {
    this.#sql.reserve().then(
      (reserved) => {
        this.#out++;
        const next = this.#next();
        if (next === undefined) this.giveBack(reserved, true);
        else next.resolve(reserved);
      },
      (error) => {
        this.#next()?.reject(error);
        this.#leave();
      },
    );
  }

  #next(): Waiter | undefined {
    const [next] = this.#waiting;
    if (next !== undefined) this.#waiting.delete(next);
    return next;
  }
}
