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
  readonly #servers: Closable[] = [];
  readonly #closed: Promise<unknown>[] = [];
  /** Those that have carried a request; only they can tell their peer to go. */
  readonly #sessions = new Set<Http2Session>();
  #finishing = false;

  /** This server is to be closed along; at once, where the end has begun. */
  closeAlong(server: Closable): void {
    if (this.#servers.includes(server)) return;
    this.#servers.push(server);
    if (this.#finishing) this.#close(server);
  }

  add(session: Http2Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#finishing) session.close();
  }

  finish(): void {
    this.#finishing = true;
    // Before the sessions: `close` of a server waits for those that are there.
    for (const server of this.#servers) this.#close(server);
    // Never a bare GOAWAY: Node goes on starting streams that the client has been told to send again.
    for (const session of this.#sessions) session.close();
  }

  async gone(ms: number): Promise<void> {
    if (this.#closed.length === 0) return;
    await new Promise<void>((resolve) => {
      const disarm = clock.after(ms, resolve);
      void Promise.all(this.#closed).then(() => {
        disarm();
        resolve();
      });
    });
  }

  destroy(): void {
    if (this.#servers.length === 0) return;
    // Sockets, not sessions: destroying a session whose streams are closing can send node:http2 into an endless loop.
    for (const session of this.#sessions) socketOf(session)?.destroy();
    for (const server of this.#servers) server.closeAllConnections?.();
  }

  #close(server: Closable): void {
    this.#closed.push(new Promise((resolve) => server.close(resolve)));
  }
}

/** The socket itself: node:http2 hands out a proxy that refuses to be destroyed, but not to say who it stands for. */
function socketOf(session: Http2Session): Socket | undefined {
  return session.destroyed ? undefined : (session.socket.off('close', ignore) as Socket);
}

function ignore(): void {}
