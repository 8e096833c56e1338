// The connections of a server, so that each can be let go when its last call is over.
//
// 1. A drain ends HTTP/2 sessions with `session.close()`, never with a bare GOAWAY, after which Node still starts streams that
//    the client has been told to send again. Node 20 does not do it by itself.
// 2. A session that has heard GOAWAY does not stay for ever: once without calls it is gone within seconds.
// 3. Nor does one that Node has stopped serving because of its peer's many resets, or of a frame that may not be. Node 20 tells
//    nobody of it: the session reads and answers nothing more, hears no FIN, and stays open. After that many resets it has to
//    answer a ping; so it has, from time to time, while it has calls, as has a peer that may be frozen or cut off.
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { clock } from '../core/index.ts';
import { type Peer, peerOf } from './peer.ts';

const AFTER_GOAWAY_MS = 5_000;
/** What Node 20 allows a session in resets. */
const MANY_RESETS = 1_000;
const PONG_MS = 5_000;
/** How often the peer of calls under way is asked whether it is there; as the client asks. */
const WATCH_MS = 20_000;

/** One connection, of either protocol, and how many calls it carries. */
export class Connection {
  readonly socket: Socket;
  /** Asked of the kernel once, while it knows. */
  readonly peer: Peer;
  #session: ServerHttp2Session | undefined;
  #calls = 0;
  #finishing = false;
  #resets = 0;
  #asking = false;
  #watching = false;

  constructor(socket: Socket) {
    this.socket = socket;
    this.peer = peerOf(socket);
  }

  /** The connection has turned out to speak HTTP/2. */
  speaksHttp2(session: ServerHttp2Session): void {
    this.#session = session;
    session.once('goaway', () => this.#sweep());
    if (this.#finishing) session.close();
  }

  callBegan(): void {
    this.#calls++;
    if (!this.#watching && this.#session !== undefined) this.#watch();
  }

  /** @param reset by the peer, in place of being answered */
  callOver(reset: boolean): void {
    this.#calls--;
    if (reset && ++this.#resets >= MANY_RESETS) this.#ask();
    if (this.#finishing) this.finish();
  }

  /** Ends now when idle, else with the last call. */
  finish(): void {
    this.#finishing = true;
    // A session counts for itself, and tells the peer which of its streams were never begun.
    if (this.#session !== undefined) this.#session.close();
    else if (this.#calls === 0) this.socket.destroySoon();
  }

  /** Asks again and again until there is no call. Most calls are over by then, and a connection needs but one timer for them. */
  #watch(): void {
    this.#watching = true;
    clock.after(WATCH_MS, () => {
      this.#watching = false;
      if (this.#calls === 0) return;
      this.#ask();
      this.#watch();
    });
  }

  #ask(): void {
    const session = this.#session;
    // A session that is closing takes no ping, and Node ends it with its last call.
    if (this.#asking || session === undefined || session.destroyed || session.closed) return;
    this.#asking = true;
    const asked = this.#resets;
    let alive = false;
    session.ping((error) => {
      alive = error === null || session.closed;
    });
    // Counted from when the ping has gone out, and until what has come is read: a process that was busy blames nobody for it.
    const answered = () => {
      this.#asking = false;
      if (!alive) this.socket.destroy();
      else if (this.#resets > asked) this.#ask();
    };
    setImmediate(() => clock.after(PONG_MS, () => setImmediate(answered)));
  }

  #sweep(): void {
    clock.after(AFTER_GOAWAY_MS, () => {
      if (this.socket.destroyed) return;
      // GOAWAY is no cancel: what was accepted runs to its end.
      if (this.#calls > 0) this.#sweep();
      else this.socket.destroy();
    });
  }
}

export class Connections {
  readonly #open = new Set<Connection>();
  #finishing = false;
  #onNone: (() => void) | undefined;

  add(socket: Socket): Connection {
    const connection = new Connection(socket);
    this.#open.add(connection);
    socket.once('close', () => {
      this.#open.delete(connection);
      if (this.#open.size === 0) this.#onNone?.();
    });
    // Under way while the door was closed, as a TLS handshake may be.
    if (this.#finishing) connection.finish();
    return connection;
  }

  finish(): void {
    this.#finishing = true;
    for (const connection of this.#open) connection.finish();
  }

  /** Waits until none is left, `ms` at most. */
  async gone(ms: number): Promise<void> {
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const disarm = clock.after(ms, resolve);
      this.#onNone = () => {
        disarm();
        resolve();
      };
    });
  }

  /** The sockets, not the sessions: destroying a session whose streams are closing can send node:http2 into an endless loop. */
  destroy(): void {
    for (const { socket } of this.#open) socket.destroy();
  }
}
