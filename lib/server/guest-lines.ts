// The connections of a server that is somebody else's, as far as a drain has to do with them.
import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { clock } from '../core/index.ts';
import type { Lines } from './drain.ts';

/** A server that can be closed: of node:http, node:https, node:http2, or what wraps one. */
export interface Closable {
  close(callback?: (error?: Error) => void): unknown;
  /** node:http has it. */
  closeAllConnections?(): void;
}

export class GuestLines implements Lines {
  server: Closable | undefined;
  /** Those that have carried a request; only they can tell their peer to go. */
  readonly #sessions = new Set<Http2Session>();
  #finishing = false;
  #closed: Promise<unknown> | undefined;

  add(session: Http2Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#finishing) session.close();
  }

  finish(): void {
    this.#finishing = true;
    const { server } = this;
    // Before the sessions: `close` of a server waits for those that are there.
    if (server !== undefined) this.#closed = new Promise((resolve) => server.close(resolve));
    // Never a bare GOAWAY: Node goes on starting streams that the client has been told to send again.
    for (const session of this.#sessions) session.close();
  }

  async gone(ms: number): Promise<void> {
    const closed = this.#closed;
    if (closed === undefined) return;
    await new Promise<void>((resolve) => {
      const disarm = clock.after(ms, resolve);
      void closed.then(() => {
        disarm();
        resolve();
      });
    });
  }

  destroy(): void {
    if (this.server === undefined) return;
    // Sockets, not sessions: destroying a session whose streams are closing can send node:http2 into an endless loop.
    for (const session of this.#sessions) socketOf(session)?.destroy();
    this.server.closeAllConnections?.();
  }
}

/** The socket itself: node:http2 hands out a proxy that refuses to be destroyed, but not to say who it stands for. */
function socketOf(session: Http2Session): Socket | undefined {
  return session.destroyed ? undefined : (session.socket.off('close', ignore) as Socket);
}

function ignore(): void {}
